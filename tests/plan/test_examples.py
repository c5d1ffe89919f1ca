"""The example stacks, planned over a lock of just what each needs: they hold every rule."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from airgap.plan import Plan, plan_site
from airgap.rules import evaluate
from airgap.site.load import load_site
from tests.plan.over_names import lock_over_names

STACKS = Path(__file__).resolve().parents[2] / "stacks"
EXAMPLES = (
    "airgap-basic",
    "airgap-factory",
    "airgap-isolated",
    "migration-1-stock",
    "migration-2-mirrors",
    "migration-3-boot-asset",
)


def plan_of(name: str, *, as_stack: str = "") -> Plan:
    """Return the plan of an example, over digests made from names, under its name or another."""
    site = load_site(STACKS / f"Pulumi.{name}.yaml")
    return plan_site(site, lock_over_names(site), name=as_stack or name)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_holds_every_rule(name: str) -> None:
    views = list(plan_of(name).views())
    assert len(views) > 5
    for token, resource, inputs in views:
        findings = evaluate(token, resource, inputs, today=date(2026, 11, 23))
        assert findings == (), (resource, [str(finding) for finding in findings])


def test_classes_are_as_many_schematics_and_installers_as_they_differ() -> None:
    plan = plan_of("airgap-factory")
    schematics = [child for child in plan.image_factory.children if child.kind == "Schematic"]
    identifiers = {child.inputs["schematicId"] for child in schematics}
    assert (len(schematics), len(identifiers)) == (3, 2)
    classes = plan.sidero.inputs["serverClasses"]
    assert isinstance(classes, dict)
    images = {item["installer"]["image"] for item in classes.values()}
    assert images == {
        f"factory.berlin.example/metal-installer/{identifier}:v1.11.5" for identifier in identifiers
    }


def test_gpu_servers_boot_what_the_factory_made_of_their_schematic() -> None:
    environments = plan_of("airgap-factory").sidero.inputs["environments"]
    assert isinstance(environments, dict)
    gpu = environments["gpu-1-11-5-amd64"]
    assert gpu["schematicOf"] == "gpu-servers"
    assert gpu["kernel"]["url"].endswith("/kernel-amd64")
    assert gpu["kernelArgs"][-1] == "net.ifnames=0"


def test_the_isolated_example_looks_for_an_image_cache() -> None:
    plan = plan_of("airgap-isolated")
    classes = plan.sidero.inputs["serverClasses"]
    assert isinstance(classes, dict)
    for item in classes.values():
        machine = item["machineConfig"]["v1alpha1"]["machine"]
        assert machine["features"] == {"imageCache": {"localEnabled": True}}
