"""The pack: every rule stops the engine, and what is not known in preview does not pass."""

from __future__ import annotations

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
from pulumi_policy.proxy import UNKNOWN_BOOLEAN_VALUE, UNKNOWN_STRING_VALUE, unknown_checking_proxy

from airgap.rules import MANDATORY_RULES
from policies.adapters import build_policies
from tests.rules.samples import TODAY, component, put

NO_OPTIONS = PolicyResourceOptions(False, [], None, [], PolicyCustomTimeouts(0, 0, 0), [])


def policies(today: date = TODAY) -> dict[str, ResourceValidationPolicy]:
    """Return the pack's policies by name."""
    found = build_policies(lambda: today)
    assert all(isinstance(item, ResourceValidationPolicy) for item in found)
    return {item.name: item for item in found if isinstance(item, ResourceValidationPolicy)}


def violations(policy: ResourceValidationPolicy, kind: str, values: dict[str, object]) -> list[str]:
    """Return what a policy reports on a component, its values wrapped as the SDK wraps them."""
    reported: list[str] = []
    args = ResourceValidationArgs(
        resource_type=f"airgap:index:{kind}",
        props=unknown_checking_proxy(values),
        urn="urn:pulumi:berlin::sidero-airgap::x::x",
        name="x",
        opts=NO_OPTIONS,
        provider=None,
        stack_tags=None,
    )
    policy.validate(args, lambda message, _urn: reported.append(message))
    return reported


def test_one_mandatory_policy_a_rule_and_one_advisory_for_notes() -> None:
    found = policies()
    mandatory = {
        name for name, item in found.items() if item.enforcement_level == EnforcementLevel.MANDATORY
    }
    assert mandatory == {
        "no-skip-verify",
        "https-only",
        "pinned",
        "closed",
        "signed",
        "factory-signed",
    }
    assert mandatory == {rule.name for rule in MANDATORY_RULES}
    assert found["notes"].enforcement_level == EnforcementLevel.ADVISORY


@pytest.mark.parametrize("kind", ["Registry", "AssetMirror", "ImageFactory", "SideroEnvironment"])
def test_a_good_component_passes_through_the_sdks_proxies(kind: str) -> None:
    for policy in policies().values():
        assert violations(policy, kind, component(kind)) == []


@pytest.mark.parametrize(
    ("rule", "kind", "path", "value"),
    [
        ("no-skip-verify", "Registry", "mirrors|ghcr.io|skipVerify", True),
        ("https-only", "AssetMirror", "url", "http://a.example/talos"),
        ("pinned", "AssetMirror", "assets|v1.11.5/vmlinuz-amd64|sha512", ""),
        ("closed", "Registry", "mirrors|ghcr.io|skipFallback", False),
    ],
)
def test_a_broken_component_is_reported_by_its_rule_alone(
    rule: str, kind: str, path: str, value: object
) -> None:
    values = put(component(kind), path, value)
    reported = {name: violations(item, kind, values) for name, item in policies().items()}
    assert [name for name, messages in reported.items() if messages] == [rule]


@pytest.mark.parametrize(
    ("rule", "kind", "path", "unknown"),
    [
        ("no-skip-verify", "Registry", "mirrors|ghcr.io|skipVerify", UNKNOWN_BOOLEAN_VALUE),
        ("https-only", "AssetMirror", "url", UNKNOWN_STRING_VALUE),
        ("pinned", "AssetMirror", "assets|v1.11.5/vmlinuz-amd64|sha512", UNKNOWN_STRING_VALUE),
        ("closed", "Registry", "mirrors|ghcr.io|skipFallback", UNKNOWN_BOOLEAN_VALUE),
    ],
)
def test_an_unknown_value_is_a_violation_that_names_it(
    rule: str, kind: str, path: str, unknown: str
) -> None:
    """The SDK alone would turn it into an advisory, however mandatory the policy is."""
    values = put(component(kind), path, unknown)
    reported = violations(policies()[rule], kind, values)
    assert reported[-1].endswith(f"not known in preview: {rule} cannot be judged")
    assert reported[-1].startswith(path.replace("|", "."))


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
