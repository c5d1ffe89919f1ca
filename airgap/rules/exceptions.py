"""Justified exceptions: a rule, a subject, a reason, an owner, and an end.

An exception turns its violation into a note until the end of its last day. After that day the
violation stands again and says whose exception ran out.
"""

from __future__ import annotations

from datetime import date

from airgap.rules.findings import Finding, Violation
from airgap.rules.values import Values, documents_of, part, text

__all__ = ["weigh"]


def weigh(rule: str, violation: Violation, values: Values, *, today: date) -> Finding:
    """Return the finding for a violation, given the exceptions in a component's own values."""
    exceptions = _matching(rule, violation, values)
    in_force = [item for item in exceptions if _is_in_force(item, today)]
    if in_force:
        return _excused(rule, violation, in_force[0])
    lapsed = "".join(f"; {_lapse(item)}" for item in exceptions)
    return Finding(
        rule=rule,
        level="mandatory",
        subject=violation.subject,
        message=violation.message + lapsed,
        remedy=violation.remedy,
    )


def _matching(rule: str, violation: Violation, values: Values) -> list[Values]:
    names = (violation.subject, *violation.known_as)
    return [
        item
        for item in documents_of(part(values, "policy"), "exceptions")
        if text(item, "rule") == rule and text(item, "subject") in names
    ]


def _is_in_force(exception: Values, today: date) -> bool:
    try:
        return today <= date.fromisoformat(text(exception, "expires"))
    except ValueError:
        return False


def _excused(rule: str, violation: Violation, exception: Values) -> Finding:
    owner, expires = text(exception, "owner"), text(exception, "expires")
    return Finding(
        rule=rule,
        level="advisory",
        subject=violation.subject,
        message=f"{violation.message}; allowed until {expires} by {owner}: "
        f"{text(exception, 'reason')}",
        remedy="",
    )


def _lapse(exception: Values) -> str:
    end = text(exception, "expires") or "no date"
    return f"the exception of {text(exception, 'owner')} expired ({end})"
