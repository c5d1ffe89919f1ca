"""The rule over what a verifying Image Factory reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest

from airgap.rules import evaluate

__all__: list[str] = []

KEY, OTHER = f"key sha256:{'1' * 64}", f"key sha256:{'2' * 64}"
IMAGER = "ghcr.io/siderolabs/imager:v1.11.5"
TODAY = date(2026, 11, 24)


def told(signed_by: Mapping[str, object], **more: object) -> list[tuple[str, str, str]]:
    """Return rule, level and sentence of each finding over a factory's inputs."""
    values = {"verification": {"key": KEY, "signedBy": signed_by}, **more}
    findings = evaluate("airgap:index:ImageFactory", "image-factory", values, today=TODAY)
    return [(item.rule, item.level, str(item)) for item in findings]


def test_an_image_signed_with_the_trusted_key_is_no_finding() -> None:
    assert told({IMAGER: [OTHER, KEY]}) == []


@pytest.mark.parametrize(("signers", "found"), [([], "nobody"), ([OTHER], OTHER)])
def test_an_image_that_the_factory_would_refuse_is_mandatory(
    signers: list[str], found: str
) -> None:
    sentence = f"{IMAGER}: signed by {found}, the factory trusts {KEY}"
    remedy = "(run: python -m airgap sign <site> --key FILE)"
    assert told({IMAGER: signers}) == [("factory-signed", "mandatory", f"{sentence} {remedy}")]


@pytest.mark.parametrize("subject", [IMAGER, "ghcr.io/siderolabs/imager"])
def test_an_exception_names_the_image_or_its_repository(subject: str) -> None:
    exception = {
        "rule": "factory-signed",
        "subject": subject,
        "reason": "signed inside",
        "owner": "platform",
        "expires": "2027-01-31",
    }
    ((rule, level, _),) = told({IMAGER: []}, policy={"exceptions": [exception]})
    assert (rule, level) == ("factory-signed", "advisory")


def test_a_factory_that_does_not_verify_needs_no_signatures() -> None:
    values = {"kind": "deployed", "schematics": {}}
    findings = evaluate("airgap:index:ImageFactory", "image-factory", values, today=TODAY)
    assert findings == ()
