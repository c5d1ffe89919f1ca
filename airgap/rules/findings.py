"""What a rule yields (`Violation`), and what a person reads (`Finding`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Level", "Violation"]

Level = Literal["mandatory", "advisory"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One thing against a rule.

    Attributes:
        subject: What the rule is broken by; an exception in the site names it.
        message: One sentence: what was found.
        remedy: What to do about it.
        known_as: Other names of the subject that an exception may use.
    """

    subject: str
    message: str
    remedy: str
    known_as: tuple[str, ...] = ()


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
