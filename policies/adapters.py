"""Rules as CrossGuard policies: one mandatory policy a rule, one advisory policy for all notes.

A site may raise and lower rules, so that each has a policy that can stop; a policy of the engine
has one level for all that it reports. The engine turns a policy that touches an unknown value into
an advisory, whatever its level. Here it is a violation where the rule is mandatory: what cannot be
judged does not pass. Components are judged before their children are registered, so that a
violation stops before anything is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime

from pulumi import Config
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    ReportViolation,
    ResourceValidation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from airgap.rules import RULES, Rule, RuleLevel, evaluate_rule, level_of

__all__ = ["build_policies"]

Clock = Callable[[], date]


def _today() -> date:
    return datetime.now(tz=UTC).date()


def build_policies(today: Clock = _today) -> list[Policy]:
    """Return the pack's policies; they need no configuration.

    Args:
        today: The day that exceptions and certificates are measured by.
    """
    return [*(_stopping(rule, today) for rule in RULES), _notes(today)]


def _stopping(rule: Rule, today: Clock) -> ResourceValidationPolicy:
    return ResourceValidationPolicy(
        name=rule.name,
        description=rule.summary,
        enforcement_level=EnforcementLevel.MANDATORY,
        validate=_stopping_validation(rule, today),
    )


def _notes(today: Clock) -> ResourceValidationPolicy:
    return ResourceValidationPolicy(
        name="notes",
        description="Justified exceptions in force, and what is worth knowing.",
        enforcement_level=EnforcementLevel.ADVISORY,
        validate=_note_validation(today),
    )


def _stopping_validation(rule: Rule, today: Clock) -> ResourceValidation:
    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        for level, message in _judge(rule, args, today()):
            if level == "mandatory":
                report_violation(message, args.urn)

    return validate


def _note_validation(today: Clock) -> ResourceValidation:
    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        for rule in RULES:
            for level, message in _judge(rule, args, today()):
                if level == "advisory":
                    report_violation(f"{rule.name}: {message}", args.urn)

    return validate


def _judge(
    rule: Rule, args: ResourceValidationArgs, today: date
) -> Iterator[tuple[RuleLevel, str]]:
    """Yield level and text of each finding, and of what keeps the rule from judging."""
    level: RuleLevel = rule.level
    try:
        policy = _policy_of(args.props)
        level = level_of(rule, policy)
        found = evaluate_rule(rule, args.resource_type, args.props, today=today, policy=policy)
        for finding in found:
            yield finding.level, str(finding)
    except UnknownValueError as error:
        path = ".".join(error.props)
        yield level, f"{path}: not known in preview: {rule.name} cannot be judged"


def _policy_of(props: Mapping[str, object]) -> Mapping[str, object]:
    """Return the site's policy: a component's own, or for a set that has none the stack's."""
    if "policy" in props:
        own = props["policy"]
        return own if isinstance(own, Mapping) else {}
    site = Config("sidero-airgap").get_object("site")
    stated = site.get("policy") if isinstance(site, Mapping) else None
    return stated if isinstance(stated, Mapping) else {}
