"""`lowered`: tells which mandatory rules the site has made less than that."""

from __future__ import annotations

from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.rule import Rule, level_of
from airgap.rules.values import Values, part

__all__ = ["NAME", "over"]

NAME = "lowered"


def over(rules: tuple[Rule, ...]) -> Rule:
    """Return the rule that watches the levels of others."""

    def check(kind: str, values: Values) -> Iterator[Violation]:
        """Yield a note for each rule that is less than it is by default, once a site."""
        policy = part(values, "policy")
        for rule in rules if kind == "Site" else ():
            stated = level_of(rule, policy)
            if rule.level == "mandatory" and stated != "mandatory":
                what = "is not judged" if stated == "disabled" else "stops nothing"
                yield Violation(
                    subject=f"policy.levels.{rule.name}",
                    message=f"{stated} here: {rule.name} {what}, in the whole site",
                    remedy="an exception is for one subject, and ends",
                )

    return Rule(
        name=NAME,
        summary="No mandatory rule is lowered for the whole site.",
        reason="A level is one word in a file, holds for everything and never ends: whoever "
        "approves must see that a rule no longer stops what it was made for.",
        remedy="Except the one subject, with an owner and an end, and leave the level alone.",
        level="advisory",
        check=check,
        is_lasting=True,
    )
