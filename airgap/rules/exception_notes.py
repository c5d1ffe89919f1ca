"""What is worth knowing of a site's exceptions: those for nothing, and those that hardly end.

A policy of the engine sees one resource at a time and cannot tell that an exception matches none:
these notes are made where a whole site is judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from airgap.rules.catalogue import RULES
from airgap.rules.evaluation import kind_of
from airgap.rules.exceptions import end_of
from airgap.rules.findings import Finding
from airgap.rules.masking import masked
from airgap.rules.values import Values, documents_of, text

__all__ = ["note_exceptions"]

_LONG = timedelta(days=2 * 366)


def note_exceptions(
    views: Iterable[tuple[str, str, Values]], policy: Values, *, today: date
) -> tuple[Finding, ...]:
    """Return a note for each exception that matches no finding, or holds for over two years.

    Args:
        views: Every component and resource of a site: type token, name, plain values.
        policy: The site's.
        today: The day that ends are measured by.
    """
    exceptions = documents_of(policy, "exceptions")
    matched = set(_subjects(views, {text(each, "rule") for each in exceptions}))
    return tuple(note for each in exceptions for note in _notes(each, matched=matched, today=today))


def _subjects(
    views: Iterable[tuple[str, str, Values]], named: set[str]
) -> Iterator[tuple[str, str]]:
    """Yield rule and subject of all that is against the named rules, by every name of either."""
    rules = [rule for rule in RULES if not named.isdisjoint((rule.name, *rule.formerly))]
    for token, _, inputs in views if rules else ():
        kind = kind_of(token)
        for rule in rules if kind else ():
            for violation in rule.check(kind, inputs):
                for name in (rule.name, *rule.formerly):
                    for subject in (violation.subject, *violation.known_as):
                        yield name, subject


def _notes(exception: Values, *, matched: set[tuple[str, str]], today: date) -> Iterator[Finding]:
    rule, subject, end = text(exception, "rule"), text(exception, "subject"), end_of(exception)
    whose = f"the exception of {text(exception, 'owner')} from {rule}"
    if (rule, subject) not in matched:
        yield _note(
            "unused-exception",
            subject,
            f"{whose} matches no finding",
            "leave it out, or copy rule and subject from: python -m airgap check <site> --json",
        )
    if _is_long(end, today):
        yield _note(
            "long-exception",
            subject,
            f"{whose} holds until {end}, which is over two years",
            "give it a day on which somebody looks at it again",
        )


def _is_long(end: str, today: date) -> bool:
    try:
        return date.fromisoformat(end) - today > _LONG
    except ValueError:
        return False


def _note(rule: str, subject: str, message: str, remedy: str) -> Finding:
    return Finding(
        rule=rule,
        level="advisory",
        subject=masked(subject),
        message=masked(message),
        remedy=remedy,
        resource="policy",
    )
