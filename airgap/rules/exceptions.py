"""Justified exceptions: a rule, a subject, a reason, an owner, and an end.

An exception turns its violation into a note until the end of its last day. After that day the
violation stands again and says whose exception ran out. What a rule was a part of before it had a
name of its own still excepts it.
"""

from __future__ import annotations

from datetime import date

from airgap.rules.findings import Finding, Level, Violation
from airgap.rules.values import Values, documents_of, text

__all__ = ["end_of", "weigh"]


def weigh(
    names: tuple[str, ...], violation: Violation, policy: Values, *, level: Level, today: date
) -> Finding:
    """Return the finding for a violation, given the exceptions of a site's policy.

    Args:
        names: The rule's name, and those by which an exception may call it besides.
        violation: What was found.
        policy: The site's `policy`.
        level: What the violation is without an exception.
        today: The day that exceptions are measured by.
    """
    exceptions = _matching(names, violation, policy)
    in_force = [item for item in exceptions if _is_in_force(item, today)]
    if in_force:
        return _excused(names[0], violation, in_force[0])
    lapsed = "".join(f"; {_lapse(item)}" for item in exceptions)
    return Finding(
        rule=names[0],
        level=level,
        subject=violation.subject,
        message=violation.message + lapsed,
        remedy=violation.remedy,
    )


def _matching(names: tuple[str, ...], violation: Violation, policy: Values) -> list[Values]:
    subjects = (violation.subject, *violation.known_as)
    return [
        item
        for item in documents_of(policy, "exceptions")
        if text(item, "rule") in names and text(item, "subject") in subjects
    ]


def _is_in_force(exception: Values, today: date) -> bool:
    try:
        return today <= date.fromisoformat(end_of(exception))
    except ValueError:
        return False


def _excused(rule: str, violation: Violation, exception: Values) -> Finding:
    owner, expires = text(exception, "owner"), end_of(exception)
    return Finding(
        rule=rule,
        level="advisory",
        subject=violation.subject,
        message=f"{violation.message}; allowed until {expires} by {owner}: "
        f"{text(exception, 'reason')}",
        remedy="",
    )


def _lapse(exception: Values) -> str:
    end = end_of(exception) or "no date"
    return f"the exception of {text(exception, 'owner')} expired ({end})"


def end_of(exception: Values) -> str:
    """Return its last day; Pulumi 3.250 hands an unquoted date on with a time of day."""
    return text(exception, "expires").removesuffix(" 00:00:00 +0000 UTC")
