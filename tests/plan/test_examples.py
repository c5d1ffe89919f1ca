"""The example stacks, planned over a lock of just what each needs: they hold every rule."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from airgap.lock import Lock, fingerprint
from airgap.plan import Plan, plan_site
from airgap.resolve import find_assets, find_images, find_schematics
from airgap.rules import evaluate
from airgap.site.load import load_site
from tests.plan.samples import asset_pin, image_pin

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
    lock = Lock(
        inputs=fingerprint(site),
        images={key: image_pin(key, want.need) for key, want in find_images(site).items()},
        assets={key: asset_pin(key) for key in find_assets(site)},
        schematics=find_schematics(site),
    )
    return plan_site(site, lock, name=as_stack or name)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_holds_every_rule(name: str) -> None:
    views = list(plan_of(name).views())
    assert len(views) > 5
    for token, resource, inputs in views:
        findings = evaluate(token, resource, inputs, today=date(2026, 11, 23))
        assert findings == (), (resource, [str(finding) for finding in findings])


def test_two_classes_with_different_extensions_are_two_schematics_and_installers() -> None:
    plan = plan_of("airgap-factory")
    identifiers = {child.inputs["schematicId"] for child in plan.image_factory.children}
    assert len(identifiers) == 2
    classes = plan.sidero.inputs["serverClasses"]
    assert isinstance(classes, dict)
    images = {item["installer"]["image"] for item in classes.values()}
    assert images == {
        f"factory.berlin.example/metal-installer/{identifier}:v1.11.5" for identifier in identifiers
    }


def test_the_isolated_example_looks_for_an_image_cache() -> None:
    plan = plan_of("airgap-isolated")
    classes = plan.sidero.inputs["serverClasses"]
    assert isinstance(classes, dict)
    for item in classes.values():
        machine = item["machineConfig"]["v1alpha1"]["machine"]
        assert machine["features"] == {"imageCache": {"localEnabled": True}}
