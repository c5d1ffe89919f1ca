"""Rules as CrossGuard policies: one mandatory policy a rule, one advisory policy for all notes.

The engine turns a policy that touches an unknown value into an advisory, whatever its level. Here
it is a violation: what cannot be judged does not pass. Components are judged before their children
are registered, so that a violation stops before anything is made.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    ReportViolation,
    ResourceValidation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from airgap.rules import ADVISORY_RULES, MANDATORY_RULES, Rule, evaluate_rule

__all__ = ["build_policies"]

Clock = Callable[[], date]


def _today() -> date:
    return datetime.now(tz=UTC).date()


def build_policies(today: Clock = _today) -> list[Policy]:
    """Return the pack's policies; they need no configuration.

    Args:
        today: The day that exceptions are measured by.
    """
    return [*(_mandatory(rule, today) for rule in MANDATORY_RULES), _notes(today)]


def _mandatory(rule: Rule, today: Clock) -> ResourceValidationPolicy:
    return ResourceValidationPolicy(
        name=rule.name,
        description=rule.summary,
        enforcement_level=EnforcementLevel.MANDATORY,
        validate=_strict_validation(rule, today),
    )


def _notes(today: Clock) -> ResourceValidationPolicy:
    return ResourceValidationPolicy(
        name="notes",
        description="Justified exceptions in force, and what is worth knowing.",
        enforcement_level=EnforcementLevel.ADVISORY,
        validate=_note_validation(today),
    )


def _strict_validation(rule: Rule, today: Clock) -> ResourceValidation:
    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        try:
            for finding in evaluate_rule(rule, args.resource_type, args.props, today=today()):
                if finding.level == "mandatory":
                    report_violation(str(finding), args.urn)
        except UnknownValueError as error:
            path = ".".join(error.props)
            report_violation(
                f"{path}: not known in preview: {rule.name} cannot be judged", args.urn
            )

    return validate


def _note_validation(today: Clock) -> ResourceValidation:
    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        for rule in (*MANDATORY_RULES, *ADVISORY_RULES):
            try:
                for finding in evaluate_rule(rule, args.resource_type, args.props, today=today()):
                    if finding.level == "advisory":
                        report_violation(f"{finding.rule}: {finding}", args.urn)
            except UnknownValueError:
                continue  # the mandatory policy of this rule reports it

    return validate
