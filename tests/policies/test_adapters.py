"""The pack: every rule stops the engine, and what is not known in preview does not pass."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest
import yaml
from pulumi_policy import (
    EnforcementLevel,
    PolicyCustomTimeouts,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from airgap.rules import MANDATORY_RULES, RULES
from policies.adapters import build_policies
from tests.rules.cases import CASES, Case
from tests.rules.samples import TODAY, component, put

MANDATORY = {rule.name for rule in MANDATORY_RULES}
each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
NO_OPTIONS = PolicyResourceOptions(False, [], None, [], PolicyCustomTimeouts(0, 0, 0), [])


def policies(today: date = TODAY) -> dict[str, ResourceValidationPolicy]:
    """Return the pack's policies by name."""
    found = build_policies(lambda: today)
    assert all(isinstance(item, ResourceValidationPolicy) for item in found)
    return {item.name: item for item in found if isinstance(item, ResourceValidationPolicy)}


def violations(
    policy: ResourceValidationPolicy,
    kind: str,
    values: dict[str, object],
    *,
    prefix: str = "airgap:index:",
) -> list[str]:
    """Return what a policy reports on a component, its values wrapped as the SDK wraps them."""
    reported: list[str] = []
    args = ResourceValidationArgs(
        resource_type=f"{prefix}{kind}",
        props=unknown_checking_proxy(values),
        urn="urn:pulumi:berlin::sidero-airgap::x::x",
        name="x",
        opts=NO_OPTIONS,
        provider=None,
        stack_tags=None,
    )
    policy.validate(args, lambda message, _urn: reported.append(message))
    return reported


def test_each_rule_has_a_policy_that_stops_and_all_notes_have_one() -> None:
    """An advisory rule too: a site can raise it, and a policy of the engine has one level."""
    found = policies()
    stopping = [
        name for name, item in found.items() if item.enforcement_level == EnforcementLevel.MANDATORY
    ]
    assert stopping == [rule.name for rule in RULES]
    assert found["notes"].enforcement_level == EnforcementLevel.ADVISORY
    assert len(found) == len(RULES) + 1


@pytest.mark.parametrize("kind", ["Registry", "AssetMirror", "ImageFactory", "SideroEnvironment"])
def test_a_good_component_passes_through_the_sdks_proxies(kind: str) -> None:
    for policy in policies().values():
        assert violations(policy, kind, component(kind)) == []


@each
def test_a_broken_component_is_reported_by_its_rule_alone(case: Case) -> None:
    by = case.rule if case.rule in MANDATORY else "notes"
    reported = {
        name: violations(item, case.kind, case.broken()) for name, item in policies().items()
    }
    assert [name for name, messages in reported.items() if messages] == [by]
    (message,) = reported[by]
    assert message.removeprefix(f"{case.rule}: ").startswith(f"{case.subject}: ")


@each
def test_an_unknown_value_is_a_violation_that_names_it(case: Case) -> None:
    """The SDK alone would turn it into an advisory, however mandatory the policy is."""
    found, values = policies(), case.unjudged()
    reported = [violations(found[name], case.kind, values) for name in (case.rule, "notes")]
    stopping, notes = reported
    told = f"not known in preview: {case.rule} cannot be judged"
    path = case.unknown[0].replace("|", ".")
    if case.rule in MANDATORY:
        assert stopping[-1].startswith(path)
        assert stopping[-1].endswith(told)
    else:
        assert stopping == []
        (note,) = [message for message in notes if message.endswith(told)]
        assert note.startswith(f"{case.rule}: {path}")


@each
def test_what_a_site_raises_stops_and_what_it_lowers_is_told(case: Case) -> None:
    pinned = {"pinned": "disabled"} if case.rule == "lowered" else {}
    for level, by in (("mandatory", case.rule), ("advisory", "notes")):
        values = case.broken(("policy|levels", {**pinned, case.rule: level}))
        found = policies()
        assert violations(found[by], case.kind, values), level
        assert case.rule == by or not violations(found[case.rule], case.kind, values)


def test_an_unknown_level_is_the_rules_own() -> None:
    values = put(component("Registry"), "policy|levels", UNKNOWN_STRING_VALUE)
    (message,) = violations(policies()["no-skip-verify"], "Registry", values)
    assert message == "policy.levels: not known in preview: no-skip-verify cannot be judged"


@pytest.mark.parametrize(
    ("stated", "by"),
    [
        ({}, "pinned"),
        ({"levels": {"pinned": "advisory"}}, "notes"),
        ({"levels": {"pinned": "disabled"}}, ""),
        (
            {
                "exceptions": [
                    {
                        "rule": "pinned",
                        "subject": "ghcr.io/a",
                        "reason": "old",
                        "owner": "j.doe",
                        "expires": "2027-01-31 00:00:00 +0000 UTC",
                    }
                ]
            },
            "notes",
        ),
    ],
)
def test_a_set_has_the_policy_of_its_stack(
    stated: Mapping[str, object], by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its inputs have none. Pulumi 3.250 hands an unquoted date on with a time of day."""
    site = json.dumps({"policy": stated})
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({"sidero-airgap:site": site}))
    values: dict[str, object] = {"images": {"ghcr.io/a": "v1"}}
    reported = {
        name: violations(item, "ImageSet", values, prefix="pulumi-python:dynamic/airgap:")
        for name, item in policies().items()
    }
    assert [name for name, messages in reported.items() if messages] == ([by] if by else [])


def test_an_exception_in_force_is_told_by_the_notes_alone() -> None:
    exception = {
        "rule": "no-skip-verify",
        "subject": "ghcr.io",
        "reason": "old",
        "owner": "j.doe",
        "expires": "2027-01-31",
    }
    values = put(component("Registry"), "mirrors|ghcr.io|skipVerify", True)
    values = put(values, "policy|exceptions", [exception])
    before = policies(date(2027, 1, 31))
    assert violations(before["no-skip-verify"], "Registry", values) == []
    assert len(violations(before["notes"], "Registry", values)) == 1
    after = policies(date(2027, 2, 1))
    assert len(violations(after["no-skip-verify"], "Registry", values)) == 1
    assert violations(after["notes"], "Registry", values) == []


def test_the_pack_runs_in_the_projects_own_environment() -> None:
    """`policies/PulumiPolicy.yaml`: a relative virtualenv is relative to the pack."""
    folder = Path(__file__).resolve().parents[2] / "policies"
    document = yaml.safe_load((folder / "PulumiPolicy.yaml").read_text())
    assert document["runtime"] == {"name": "python", "options": {"virtualenv": "../.venv"}}
