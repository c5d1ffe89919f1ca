"""What a rule yields (`Violation`), and what a person reads (`Finding`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

__all__ = ["Finding", "Level", "Violation"]

Level = Literal["mandatory", "advisory"]
"""How much a finding weighs: one stops, the other is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One thing against a rule.

    Attributes:
        subject: What the rule is broken by; an exception in the site names it.
        message: One sentence: what was found.
        remedy: What to do about it.
        known_as: Other names of the subject that an exception may use.
        since: The first day on which it is one; None: on every day.
        until: The last day on which it is one.
    """

    subject: str
    message: str
    remedy: str
    known_as: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None

    def stands_on(self, day: date) -> bool:
        """Tell whether it is a violation on a day: certificates have their own calendar."""
        return (self.since is None or self.since <= day) and (
            self.until is None or day <= self.until
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A violation after the site's exceptions: `mandatory` stops, `advisory` is told."""

    rule: str
    level: Level
    subject: str
    message: str
    remedy: str
    resource: str = ""

    def __str__(self) -> str:
        """Return `subject: message (remedy)`."""
        return f"{self.subject}: {self.message}" + (f" ({self.remedy})" if self.remedy else "")
