"""What a rule is, and at which level a site has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, cast

from airgap.rules.findings import Level, Violation
from airgap.rules.values import Values, part, text

__all__ = ["Check", "Rule", "RuleLevel", "RuleModule", "level_of", "rule_of"]

RuleLevel = Literal["mandatory", "advisory", "disabled"]
"""What a site may make of a rule."""

Check = Callable[[str, Values], Iterator[Violation]]
"""Yields violations for a kind of resource and its plain values."""


class RuleModule(Protocol):
    """A module that is a rule."""

    NAME: str
    SUMMARY: str
    REASON: str
    REMEDY: str

    def check(self, kind: str, values: Values) -> Iterator[Violation]:
        """Yield violations."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule.

    Attributes:
        name: What sites, findings and policies call it.
        summary: What holds, in a line.
        reason: What happens where it does not hold.
        remedy: What to do about it.
        level: What a violation is, unless the site says otherwise.
        check: What judges.
        formerly: Rules that it was a part of: exceptions may still be written for these.
        is_lasting: Whether it cannot be disabled.
    """

    name: str
    summary: str
    reason: str
    remedy: str
    level: Level
    check: Check
    formerly: tuple[str, ...] = ()
    is_lasting: bool = False


def rule_of(module: RuleModule, level: Level, *, formerly: tuple[str, ...] = ()) -> Rule:
    """Return a module's rule."""
    return Rule(
        name=module.NAME,
        summary=module.SUMMARY,
        reason=module.REASON,
        remedy=module.REMEDY,
        level=level,
        check=module.check,
        formerly=formerly,
    )


def level_of(rule: Rule, policy: Values) -> RuleLevel:
    """Return a rule's level under a site's policy; what is no level changes nothing."""
    stated = text(part(policy, "levels"), rule.name)
    if stated in ("mandatory", "advisory") or (stated == "disabled" and not rule.is_lasting):
        return cast("RuleLevel", stated)
    return rule.level
