"""What makes the policies let more pass is in the first line, and beside the verdict."""

from __future__ import annotations

import pytest

from airgap.report import Report, compare, write_markdown, write_page
from tests.report.recorded import BASIS, LINKS, NAME, TODAY, side

EXCEPTION = {
    "rule": "no-skip-verify",
    "subject": "registry.old.example",
    "reason": "replaced in March",
    "owner": "platform team",
    "expires": "2027-03-31",
}
WEAKER = [
    ({"levels": {"closed": "advisory"}}, "`closed` is advisory instead of mandatory"),
    ({"levels": {"no-plain-credentials": "disabled"}}, "`no-plain-credentials` is disabled"),
    (
        {"exceptions": [EXCEPTION]},
        "`no-skip-verify` has an exception for `registry.old.example` until 2027-03-31",
    ),
    ({"allowedHosts": ["x.example"]}, "`x.example` is allowed"),
]


def _report(base: dict[str, object], head: dict[str, object]) -> Report:
    old, new = side(policy=base), side(policy=head)
    return compare(old.scene, new.scene, site=NAME, basis=BASIS, links=LINKS, today=TODAY)


@pytest.mark.parametrize(("policy", "told"), WEAKER)
def test_a_weaker_policy_is_in_the_headline_and_by_the_verdict(
    policy: dict[str, object], told: str
) -> None:
    report = _report({}, policy)
    assert report.headline.startswith(f"Policies are weakened: {told}")
    assert f"⚠️ **Policies are weakened:** {told}" in write_markdown(report)
    assert "Policies are weakened: " in write_page(report)


@pytest.mark.parametrize(("policy", "_told"), WEAKER)
def test_a_stricter_policy_is_none_of_it(policy: dict[str, object], _told: str) -> None:
    report = _report(policy, {})
    assert report.weakened == ()
    assert "weakened" not in write_markdown(report)


def test_the_level_of_a_rule_about_secrets_is_no_secret() -> None:
    text = write_markdown(_report({}, {"levels": {"no-plain-credentials": "disabled"}}))
    assert "(secret" not in text


def test_hosts_of_the_site_itself_weaken_nothing() -> None:
    mirror = {"kind": "directory", "url": "https://other.berlin.example/talos", "path": "/srv"}
    base, head = side(), side(assetMirror=mirror)
    report = compare(base.scene, head.scene, site=NAME, basis=BASIS, links=LINKS, today=TODAY)
    assert report.weakened == ()


def test_what_environments_boot_is_in_the_headline() -> None:
    listed = side().value["environments"]
    assert isinstance(listed, list)
    first = listed[0]
    head = side(environments=[{**first, "extraKernelArgs": ["talos.dashboard.disabled=1"]}])
    report = compare(side().scene, head.scene, site=NAME, basis=BASIS, links=LINKS, today=TODAY)
    assert "Environments `default` and `talos-1-11-5-amd64` are changed" in report.headline
