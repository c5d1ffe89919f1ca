"""An exception that is for nothing is told, and one that never seems to end."""

from __future__ import annotations

import pytest

from airgap.plan import plan_site
from airgap.rules.exception_notes import note_exceptions
from tests.plan.samples import make_lock, make_site
from tests.rules.samples import TODAY

EXCEPTION = {
    "rule": "no-skip-verify",
    "subject": "docker.io",
    "reason": "its certificate is renewed in January",
    "owner": "j.doe",
    "expires": "2027-01-31",
}


def notes(**changes: str) -> list[tuple[str, str, str]]:
    """Return rule, subject and message of what is told of a site with one unverified mirror."""
    mirror = {"endpoints": ["https://h.example:8443"], "skipVerify": True, "skipFallback": False}
    policy = {"exceptions": [{**EXCEPTION, **changes}]}
    site = make_site(
        registry={
            "kind": "existing",
            "endpoints": [{"url": "https://r.example:5000"}],
            "mirrors": {"docker.io": mirror},
        },
        policy=policy,
    )
    plan = plan_site(site, make_lock(), name="berlin")
    found = note_exceptions(plan.views(), plan.site.inputs["policy"], today=TODAY)  # type: ignore[arg-type]  # a mapping
    assert {item.level for item in found} <= {"advisory"}
    assert all(item.remedy for item in found)
    return [(item.rule, item.subject, item.message) for item in found]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"subject": "h.example:8443"},
        {"subject": "h.example"},
        {"expires": "2001-01-01"},
        {"rule": "no-fallback"},
        {"rule": "closed"},  # what `no-fallback` was a part of
    ],
)
def test_an_exception_that_matches_a_finding_is_not_told(changes: dict[str, str]) -> None:
    assert notes(**changes) == []


@pytest.mark.parametrize(
    "changes", [{"subject": "dockre.io"}, {"rule": "https-only"}, {"subject": "*"}]
)
def test_an_exception_that_matches_none_is_told_with_its_owner(changes: dict[str, str]) -> None:
    ((rule, subject, message),) = notes(**changes)
    assert (rule, subject) == ("unused-exception", changes.get("subject", "docker.io"))
    told = changes.get("rule", "no-skip-verify")
    assert message == f"the exception of j.doe from {told} matches no finding"


@pytest.mark.parametrize(
    ("expires", "is_told"),
    [("9999-12-31", True), ("2028-11-30", True), ("2028-11-20", False), ("2027-01-31", False)],
)
def test_an_exception_of_more_than_two_years_is_told(expires: str, *, is_told: bool) -> None:
    """TODAY is 2026-11-23."""
    told = [("long-exception", "docker.io")] if is_told else []
    assert [(rule, subject) for rule, subject, _ in notes(expires=expires)] == told
    assert all(expires in message for _, _, message in notes(expires=expires))
