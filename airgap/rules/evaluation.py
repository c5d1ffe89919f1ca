"""Which rules there are, and how one resource is judged by them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date

from airgap.rules import (
    closed,
    download_time,
    factory_signed,
    https_only,
    no_skip_verify,
    node_credentials,
    pinned,
    signed,
    signed_release,
)
from airgap.rules.exceptions import weigh
from airgap.rules.findings import Finding, Violation
from airgap.rules.values import Values

__all__ = ["ADVISORY_RULES", "MANDATORY_RULES", "Rule", "evaluate", "evaluate_rule"]

_COMPONENT = "airgap:index:"
_DYNAMIC = "pulumi-python:dynamic/airgap:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule by name: `check` yields violations for a kind of resource and its plain values."""

    name: str
    summary: str
    check: Callable[[str, Values], Iterator[Violation]]


MANDATORY_RULES = tuple(
    Rule(name=module.NAME, summary=module.SUMMARY, check=module.check)
    for module in (no_skip_verify, https_only, pinned, closed, signed, factory_signed)
)
ADVISORY_RULES = tuple(
    Rule(name=module.NAME, summary=module.SUMMARY, check=module.check)
    for module in (node_credentials, download_time, signed_release)
)


def evaluate(type_token: str, name: str, inputs: Values, *, today: date) -> tuple[Finding, ...]:
    """Judge one component or resource by every rule; what is not this project's has no findings.

    Args:
        type_token: For example `airgap:index:Registry`.
        name: The resource's name, which its findings carry.
        inputs: Its plain values; exceptions are read from its own `policy.exceptions`.
        today: The day that exceptions are measured by.
    """
    rules = (*MANDATORY_RULES, *ADVISORY_RULES)
    return tuple(
        replace(finding, resource=name)
        for rule in rules
        for finding in evaluate_rule(rule, type_token, inputs, today=today)
    )


def evaluate_rule(rule: Rule, type_token: str, inputs: Values, *, today: date) -> Iterator[Finding]:
    """Judge one component or resource by one rule."""
    kind = _kind(type_token)
    for violation in rule.check(kind, inputs) if kind else ():
        if rule in ADVISORY_RULES:
            yield _note(rule, violation)
        else:
            yield weigh(rule.name, violation, inputs, today=today)


def _kind(type_token: str) -> str:
    for prefix in (_COMPONENT, _DYNAMIC):
        if type_token.startswith(prefix):
            return type_token.removeprefix(prefix)
    return ""


def _note(rule: Rule, violation: Violation) -> Finding:
    return Finding(
        rule=rule.name,
        level="advisory",
        subject=violation.subject,
        message=violation.message,
        remedy=violation.remedy,
    )
