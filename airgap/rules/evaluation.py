"""How one resource is judged by the rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from airgap.rules.catalogue import RULES
from airgap.rules.exceptions import weigh
from airgap.rules.findings import Finding
from airgap.rules.masking import masked
from airgap.rules.rule import Rule, level_of
from airgap.rules.values import Values, part

__all__ = ["evaluate", "evaluate_rule", "kind_of"]

_COMPONENT = "airgap:index:"
_DYNAMIC = "pulumi-python:dynamic/airgap:"


def evaluate(
    type_token: str, name: str, inputs: Values, *, today: date, policy: Values | None = None
) -> tuple[Finding, ...]:
    """Judge one component or resource by every rule; what is not this project's has no findings.

    Args:
        type_token: For example `airgap:index:Registry`.
        name: The resource's name, which its findings carry.
        inputs: Its plain values; a component has the site's `policy` among them.
        today: The day that exceptions and certificates are measured by.
        policy: The site's, for a resource that has none of its own.
    """
    return tuple(
        replace(finding, resource=name)
        for rule in RULES
        for finding in evaluate_rule(rule, type_token, inputs, today=today, policy=policy)
    )


def evaluate_rule(
    rule: Rule, type_token: str, inputs: Values, *, today: date, policy: Values | None = None
) -> Iterator[Finding]:
    """Judge one component or resource by one rule, at the level that the site has it."""
    kind = kind_of(type_token)
    in_force = inputs if policy is None or "policy" in inputs else {"policy": policy}
    agreed = part(in_force, "policy")
    level = level_of(rule, agreed)
    if not kind or level == "disabled":
        return
    names = (rule.name, *rule.formerly)
    for violation in rule.check(kind, inputs):
        if violation.stands_on(today):
            yield _masked(weigh(names, violation, agreed, level=level, today=today))


def kind_of(type_token: str) -> str:
    """Return what this project calls a type; empty for what is not its own."""
    for prefix in (_COMPONENT, _DYNAMIC):
        if type_token.startswith(prefix):
            return type_token.removeprefix(prefix)
    return ""


def _masked(finding: Finding) -> Finding:
    return replace(
        finding,
        subject=masked(finding.subject),
        message=masked(finding.message),
        remedy=masked(finding.remedy),
    )
