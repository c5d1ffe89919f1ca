"""`closed-workloads`: hosts that manifests name, against the site's allow-list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from airgap.plan import plan_site
from airgap.rules import evaluate
from airgap.site.load import load_site
from tests.plan.samples import make_lock
from tests.rules.samples import TODAY, component, judge, put

SECRET = "MARKED-do-not-show"
PLACE = "shop.yaml → ConfigMap a → data.b"


def found(hosts: dict[str, str], *allowed: str, **more: object) -> list[str]:
    """Return the subjects of the findings, all of the rule."""
    values = put(component("Site"), "workloads", {"hosts": hosts, **more})
    policy = values["policy"]
    assert isinstance(policy, dict)
    values["policy"] = {**policy, "allowedHosts": [*policy["allowedHosts"], *allowed]}
    findings = judge("Site", values)
    assert {item.rule for item in findings} <= {"closed-workloads"}
    return [item.subject for item in findings]


def test_each_host_outside_is_a_finding_with_its_place() -> None:
    values = put(component("Site"), "workloads", {"hosts": {"a.b.example": PLACE}})
    (finding,) = judge("Site", values)
    assert (finding.rule, finding.level, finding.subject) == (
        "closed-workloads",
        "mandatory",
        "a.b.example",
    )
    assert finding.message == f"is named at {PLACE}, and is outside the allow-list"


@pytest.mark.parametrize(
    ("host", "allowed", "is_found"),
    [
        ("hooks.example", "hooks.example", False),
        ("hooks.example:8443", "hooks.example", False),
        ("hooks.example:8443", "hooks.example:8443", False),
        ("hooks.example", "Hooks.Example", False),  # RFC 4343
        ("hooks.example", "hooks.example:8443", True),
        ("hooks.example:8443", "hooks.example:443", True),
        ("x.hooks.example", "hooks.example", True),
        ("[2620:fe::fe]:53", "2620:fe::fe", False),
        ("r.example:5000", "other.example", False),  # the site's own registry
    ],
)
def test_a_host_on_the_list_passes(host: str, allowed: str, *, is_found: bool) -> None:
    assert found({host: PLACE}, allowed) == ([host] if is_found else [])


def test_an_exception_may_leave_the_port_out() -> None:
    values = put(component("Site"), "workloads", {"hosts": {"hooks.example:8443": PLACE}})
    exception = {
        "rule": "closed-workloads",
        "subject": "hooks.example",
        "reason": "r",
        "owner": "o",
        "expires": "2999-12-31",
    }
    put(values, "policy|exceptions", [exception])
    assert [item.level for item in judge("Site", values)] == ["advisory"]


@pytest.mark.parametrize("count", [3, 3.0])  # the engine hands numbers on as floats
def test_hosts_that_are_not_listed_are_not_passed_over(count: float) -> None:
    assert found({"r.example:5000": PLACE}, unlisted=count) == ["workloads.hosts"]


def test_no_other_component_is_judged() -> None:
    for kind in ("Registry", "AssetMirror", "ImageFactory", "SideroEnvironment"):
        values = put(component(kind), "workloads", {"hosts": {"hooks.example": PLACE}})
        assert judge(kind, values) == ()


def test_from_a_stack_file_to_findings_that_quote_nothing(tmp_path: Path) -> None:
    """The whole way: a site with a manifest, its plan, the rules over each component."""
    site = {
        "schemaVersion": 1,
        "talos": {"versions": ["v1.11.5"]},
        "registry": {"kind": "existing", "endpoints": [{"url": "https://r.example:5000"}]},
        "assetMirror": {"kind": "directory", "url": "https://a.example/talos", "path": "/srv"},
        "sidero": {"version": "v0.6.13"},
        "manifests": ["shop.yaml"],
        "policy": {"allowedHosts": ["vault.example"]},
    }
    url = f"https://u:{SECRET}@hooks.example/{SECRET}?k={SECRET}"
    secret = {"kind": "Secret", "metadata": {"name": "s"}, "stringData": {"u": url}}
    config = {"kind": "Thing", "metadata": {"name": "t"}, "spec": {"u": "https://vault.example/"}}
    (tmp_path / "shop.yaml").write_text(f"{json.dumps(secret)}\n---\n{json.dumps(config)}\n")
    stack = tmp_path / "Pulumi.berlin.yaml"
    stack.write_text(yaml.safe_dump({"config": {"sidero-airgap:site": site}}))
    lock = make_lock(images={"ghcr.io/siderolabs/kubelet:v1.34.1": "kubernetes"})
    views = list(plan_site(load_site(stack), lock, name="berlin").views())
    assert SECRET not in json.dumps([inputs for _, _, inputs in views], default=str)
    findings = [
        finding
        for token, name, inputs in views
        for finding in evaluate(token, name, inputs, today=TODAY)
        if finding.rule == "closed-workloads"
    ]
    assert [(item.resource, item.subject) for item in findings] == [("berlin", "hooks.example")]
    assert SECRET not in str(findings)
