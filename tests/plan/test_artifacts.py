"""What the site's factory reads, where it looks: `[prefix/]siderolabs/<name>`.

Image Factory v1.5.0 (`internal/artifacts`, docs/configuration.md): the upstream path without its
host, below `artifacts.core.namespace`; imager, installer-base, the two catalogues, what they list.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from airgap.lock.model import Lock, SchematicPin
from airgap.plan import Plan, ResourcePlan, plan_site
from airgap.transfer.destination import RegistryDestination
from airgap.transfer.wanted import image_places
from tests.plan.samples import (
    CA,
    SCHEMATIC,
    SCHEMATIC_ID,
    differences,
    image_pin,
    make_lock,
    make_site,
    sha256,
    with_factory,
)

FACTORY = {"kind": "existing", "version": "v1.5.0", "endpoint": "https://factory.example"}
PINS = {SCHEMATIC_ID: SchematicPin(canonical=SCHEMATIC, classes=("workers",))}
LOCK = with_factory(make_lock(schematics=PINS))
SIGNATURE = f"sha256-{'1' * 64}.sig"


def registry(**more: object) -> dict[str, object]:
    """Return a registry like the samples'."""
    return {"kind": "existing", "endpoints": [{"url": "https://r.example:5000", "ca": CA}], **more}


def plan_of(lock: Lock = LOCK, **more: object) -> Plan:
    """Return the plan of a site with a factory."""
    return plan_site(make_site(**{"imageFactory": FACTORY, **more}), lock, name="berlin")


def artifacts(plan: Plan) -> ResourcePlan | None:
    """Return the set, if there is one."""
    found = [child for child in plan.image_factory.children if child.kind == "ImageSet"]
    return found[0] if found else None


def pin(tag: str, reference: str) -> str:
    """Return an image as a set has it."""
    return f"{tag}@{sha256(reference)}"


def test_a_factory_finds_all_that_it_reads_and_its_signatures() -> None:
    held = artifacts(plan_of())
    assert held is not None
    host = "ghcr.io/siderolabs"
    signature = pin(SIGNATURE, f"{host}/imager:{SIGNATURE}")
    assert held.name == "factory-artifacts"
    assert held.inputs == {
        "set": "berlin/factory-artifacts",
        "destination": {
            "kind": "existing",
            "endpoint": "https://r.example:5000",
            "pathPrefix": "",
            "layout": "flat",
            "overwrite": False,
            "ca": CA,
        },
        "images": {
            f"{host}/extensions": pin("v1.11.5", f"{host}/extensions:v1.11.5"),
            f"{host}/imager": [signature, pin("v1.11.5", f"{host}/imager:v1.11.5")],
            f"{host}/installer-base": pin("v1.11.5", f"{host}/installer-base:v1.11.5"),
            f"{host}/iscsi-tools": pin("v0.2.0", f"{host}/iscsi-tools:v0.2.0"),
            f"{host}/overlays": pin("v1.11.5", f"{host}/overlays:v1.11.5"),
        },
        "onDelete": "retain",
    }


def test_places_are_those_the_factory_asks_for() -> None:
    for prefix, place in (("", "siderolabs/imager"), ("talos/sub", "talos/sub/siderolabs/imager")):
        held = artifacts(plan_of(registry=registry(pathPrefix=prefix)))
        assert held is not None
        found = held.inputs["destination"]
        assert isinstance(found, dict)
        destination = RegistryDestination(
            kind="existing",
            endpoint=found["endpoint"],
            path_prefix=found["pathPrefix"],
            layout=found["layout"],
        )
        assert destination.repository("ghcr.io/siderolabs/imager") == place


@pytest.mark.parametrize(
    "more",
    [
        {"imageFactory": {"kind": "none"}},
        {"registry": registry(layout="flat")},  # the site's own sets are there already
        {"registry": {"kind": "none"}},
    ],
)
def test_where_nothing_has_to_be_published_a_second_time_there_is_no_set(
    more: Mapping[str, object],
) -> None:
    assert artifacts(plan_of(LOCK, **more)) is None


def test_a_store_that_is_served_has_the_set_too_and_is_asked_for_it() -> None:
    embedded = {"kind": "embedded", "endpoints": [{"url": "https://r.example:5000", "ca": CA}]}
    held = artifacts(plan_of(registry=embedded))
    assert held is not None
    destination = held.inputs["destination"]
    assert isinstance(destination, dict)
    assert destination["kind"] == "embedded"


def test_another_image_of_workloads_does_not_show_in_the_set() -> None:
    image = "docker.io/library/redis:8.2.1"
    lock = LOCK.model_copy(update={"images": {**LOCK.images, image: image_pin(image, "workloads")}})
    assert plan_of().image_factory == plan_of(lock).image_factory


def test_another_extension_is_one_more_key() -> None:
    image = "ghcr.io/siderolabs/gvisor:20250707.0"
    added = image_pin(image, "extensions", "server class workers")
    lock = LOCK.model_copy(update={"images": {**LOCK.images, image: added}})
    before, after = artifacts(plan_of()), artifacts(plan_of(lock))
    assert before is not None
    assert after is not None
    assert differences(before.inputs, after.inputs) == {
        "images.ghcr.io/siderolabs/gvisor": (None, pin("20250707.0", image))
    }


@pytest.mark.parametrize("layout", ["prefix", "flat"])
def test_the_commands_without_the_engine_know_the_same_sets(layout: str) -> None:
    site = make_site(imageFactory=FACTORY, registry=registry(layout=layout))
    planned = {
        str(child.inputs["set"]): child.inputs["destination"]
        for part in plan_site(site, LOCK, name="berlin").components
        for child in part.children
        if child.kind == "ImageSet"
    }
    known = {
        name: destination.layout
        for destination, sets in image_places(site, LOCK, name="berlin").items()
        for name in sets
    }
    assert known == {
        name: destination["layout"]
        for name, destination in planned.items()
        if isinstance(destination, dict)
    }
    assert len(known) == len(planned)
