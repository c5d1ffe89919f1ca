"""Justified exceptions: a note until the end of their last day, a violation from then on."""

from __future__ import annotations

from datetime import date

import pytest

from airgap.plan import plan_site
from airgap.rules import Finding
from tests.plan.samples import make_lock, make_site
from tests.rules.samples import judge

EXCEPTION = {
    "rule": "no-skip-verify",
    "subject": "docker.io",
    "reason": "its certificate is renewed in January",
    "owner": "j.doe",
    "expires": "2027-01-31",
}


def findings(today: date, **changes: str) -> tuple[Finding, ...]:
    """Return what a registry with one unverified mirror is told."""
    mirror = {"endpoints": ["https://h.example:8443"], "skipVerify": True}
    site = make_site(
        registry={
            "kind": "existing",
            "endpoints": [{"url": "https://r.example:5000"}],
            "mirrors": {"docker.io": mirror},
        },
        policy={"allowedHosts": ["h.example"], "exceptions": [{**EXCEPTION, **changes}]},
    )
    plan = plan_site(site, make_lock(), name="berlin")
    return (
        *judge("Registry", dict(plan.registry.inputs), today=today),
        *judge("SideroEnvironment", dict(plan.sidero.inputs), today=today),
    )


@pytest.mark.parametrize("subject", ["docker.io", "h.example:8443", "h.example"])
@pytest.mark.parametrize("today", [date(2026, 11, 23), date(2027, 1, 31)])
def test_an_exception_in_force_is_a_note_that_says_whose_why_and_until_when(
    today: date, subject: str
) -> None:
    notes = findings(today, subject=subject)
    assert len(notes) == 2, "the mirror in the registry, and what servers get of it"
    for note in notes:
        assert note.level == "advisory"
        for part in ("2027-01-31", "j.doe", "its certificate is renewed in January"):
            assert part in note.message


def test_the_day_after_its_last_the_violation_stands_and_says_so() -> None:
    for finding in findings(date(2027, 2, 1)):
        assert finding.level == "mandatory"
        assert "the exception of j.doe expired (2027-01-31)" in finding.message


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "ghcr.io"},
        {"rule": "https-only"},
        {"subject": "*"},
        {"subject": "example"},
    ],
)
def test_an_exception_for_something_else_excuses_nothing(changes: dict[str, str]) -> None:
    for finding in findings(date(2026, 11, 23), **changes):
        assert finding.level == "mandatory"
        assert "expired" not in finding.message
