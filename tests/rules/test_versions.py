"""Releases that fit each other, and what running nodes still name."""

from __future__ import annotations

import pytest

from airgap.plan import plan_site
from airgap.talos.factory_release import knows_talos
from tests.plan.samples import SCHEMATIC_ID, make_lock
from tests.rules.samples import component, good_site, judge, put


def subjects(kind: str, values: dict[str, object], rule: str) -> list[str]:
    """Return the subjects of a rule's findings."""
    return [item.subject for item in judge(kind, values) if item.rule == rule]


# pkg/machinery/constants of siderolabs/talos v1.11.5: SupportedKubernetesVersions 6, 1.34 down.
@pytest.mark.parametrize(
    ("kubernetes", "fits"),
    [("v1.34.9", True), ("v1.29.0", True), ("v1.28.15", False), ("v1.35.0", False)],
)
def test_kubernetes_is_in_the_range_of_a_talos_of_the_site(kubernetes: str, *, fits: bool) -> None:
    values = put(component("Site"), "kubernetes|versions", [kubernetes])
    assert subjects("Site", values, "version-skew") == ([] if fits else [kubernetes])


def test_one_talos_that_runs_it_is_enough_and_an_unknown_one_is_judged_elsewhere() -> None:
    values = put(component("Site"), "kubernetes|versions", ["v1.35.0"])
    for talos, count in ((["v1.11.5", "v1.12.0"], 0), (["v1.11.5"], 1), (["v9.9.9"], 0)):
        put(values, "talos|versions", talos)
        assert len(subjects("Site", values, "version-skew")) == count


# TALOS_RELEASE of siderolabs/sidero's Makefile: v0.6.12 v1.12.0, v0.6.13 v1.13.0.
@pytest.mark.parametrize(
    ("sidero", "talos", "fits"),
    [
        ("v0.6.13", "v1.13.9", True),
        ("v0.6.13", "v1.14.0", False),
        ("v0.6.11", "v1.12.0", False),
        ("v9.9.9", "v1.14.0", True),
    ],
)
def test_sidero_configures_no_talos_that_is_newer_than_its_library(
    sidero: str, talos: str, *, fits: bool
) -> None:
    values = put(component("SideroEnvironment"), "version", sidero)
    put(values, "environments|default|talos", talos)
    put(values, "serverClasses|workers|talos", talos)
    found = subjects("SideroEnvironment", values, "version-skew")
    assert found == ([] if fits else ["default", "workers"])


# go.mod of siderolabs/image-factory at each tag: siderolabs/talos/pkg/machinery.
@pytest.mark.parametrize(
    ("factory", "newest"),
    [
        ("v0.6.4", "v1.9"),
        ("v0.7.0", "v1.10"),
        ("v0.8.4", "v1.11"),
        ("v0.9.0", "v1.12"),
        ("v1.0.0", "v1.13"),
        ("v1.3.2", "v1.13"),
        ("v1.3.3", "v1.14"),
        ("v1.5.0", "v1.14"),
    ],
)
def test_a_factory_knows_the_talos_that_it_is_built_with_and_older_ones(
    factory: str, newest: str
) -> None:
    major, minor = newest.split(".")
    assert knows_talos(factory, f"{newest}.5")
    assert knows_talos(factory, f"{major}.{int(minor) - 1}.0")
    assert not knows_talos(factory, f"{major}.{int(minor) + 1}.0")
    assert knows_talos("v1.6.0", "v1.99.0"), "one that no table has"


def test_a_factory_inside_that_is_too_old_is_told() -> None:
    factory = {"kind": "existing", "version": "v0.8.4", "endpoint": "https://factory.example"}
    site = good_site(
        imageFactory=factory, talos={"versions": ["v1.11.5", "v1.12.0"]}, environments=[]
    )
    values = dict(plan_site(good_site(serverClasses=[]), make_lock(), name="x").site.inputs)
    assert "imageFactory" not in values
    site = site.model_copy(update={"server_classes": ()})
    values = dict(plan_site(site, make_lock(), name="berlin").site.inputs)
    assert subjects("Site", values, "version-skew") == ["v1.12.0"]


@pytest.mark.parametrize(("kept", "is_told"), [(0, True), (1, True), (2, False), (3, False)])
def test_two_earlier_locks_are_kept(kept: int, *, is_told: bool) -> None:
    site = good_site(retention={"keepLocks": kept})
    values = dict(plan_site(site, make_lock(), name="berlin").registry.inputs)
    assert subjects("Registry", values, "retention") == (["retention.keepLocks"] if is_told else [])


@pytest.mark.parametrize(
    ("installer", "on_delete", "is_told"),
    [
        ("builtOnSite", "delete", True),
        ("builtOnSite", "retain", False),
        ("mirrored", "delete", False),
    ],
)
def test_what_installers_are_built_of_outlives_a_destroy(
    installer: str, on_delete: str, *, is_told: bool
) -> None:
    values = put(component("ImageFactory"), "installer", installer)
    put(values, "retention", {"onDelete": on_delete})
    assert subjects("ImageFactory", values, "retention") == (
        ["retention.onDelete"] if is_told else []
    )


EXTENSIONS = ["siderolabs/iscsi-tools", "siderolabs/util-linux-tools"]
MORE = ["siderolabs/a", "siderolabs/b", *EXTENSIONS]


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ((EXTENSIONS, ["a=1"]), (EXTENSIONS, ["a=2"]), "kernel arguments a=1, a=2"),
        ((EXTENSIONS, []), (EXTENSIONS[::-1], []), "the same in another order"),
        ((EXTENSIONS, ["a", "b"]), (EXTENSIONS, ["b", "a"]), "the same in another order"),
        ((MORE, []), (MORE[1:], []), "extensions siderolabs/a of one"),
        ((EXTENSIONS, []), (MORE, []), ""),
        ((EXTENSIONS, ["a=1"]), (["siderolabs/gvisor"], ["a=2"]), ""),
        (([], ["a=1"]), ([], ["a=2"]), ""),
    ],
)
def test_schematics_that_are_nearly_the_same_are_a_note(
    one: tuple[list[str], list[str]], other: tuple[list[str], list[str]], told: str
) -> None:
    def schematic(identifier: str, content: tuple[list[str], list[str]]) -> dict[str, object]:
        extensions, arguments = content
        customization = {
            "systemExtensions": {"officialExtensions": extensions},
            "extraKernelArgs": arguments,
        }
        return {"id": identifier, "schematic": {"customization": customization}}

    classes = {"b": schematic("d" * 64, other), "a": schematic(SCHEMATIC_ID, one)}
    classes["c"] = classes["a"]  # the same pair of IDs again
    found = judge("ImageFactory", put(component("ImageFactory"), "schematics", classes))
    assert [(item.rule, item.level, told in item.message) for item in found] == (
        [("schematic-drift", "advisory", True)] if told else []
    )
