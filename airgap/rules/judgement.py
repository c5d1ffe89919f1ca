"""How a whole site is judged: every component and resource by every rule, then its exceptions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from airgap.rules.evaluation import evaluate
from airgap.rules.exception_notes import note_exceptions
from airgap.rules.findings import Finding
from airgap.rules.values import Values

__all__ = ["judge_site"]


def judge_site(
    views: Iterable[tuple[str, str, Values]], policy: Values, *, today: date
) -> tuple[Finding, ...]:
    """Return what the rules say of a site, and what is worth knowing of its exceptions.

    Args:
        views: Every component and resource: type token, name, plain values.
        policy: The site's.
        today: The day that exceptions and certificates are measured by.
    """
    seen = tuple(views)
    findings = (
        finding
        for token, name, inputs in seen
        for finding in evaluate(token, name, inputs, today=today, policy=policy)
    )
    return (*findings, *note_exceptions(seen, policy, today=today))
