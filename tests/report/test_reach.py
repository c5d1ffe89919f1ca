"""Whom a change reaches, and what is still to be done by hand."""

from __future__ import annotations

import pytest

from airgap.report import Report, Scene, compare, write_markdown
from airgap.report.scene import part
from tests.report.recorded import BASIS, LINKS, NAME, TODAY, recorded, report_of, side


def _report(base: Scene, head: Scene) -> Report:
    return compare(base, head, site=NAME, basis=BASIS, links=LINKS, today=TODAY)


def test_a_removed_class_is_there_until_it_is_deleted() -> None:
    (told,) = report_of(recorded("class-removed")).reach.provisioned
    assert "`storage` is still there" in told
    assert "until `kubectl delete serverclass storage`" in told


def test_a_removed_environment_is_deleted_by_its_object() -> None:
    base, head = recorded("versions").both()
    told = " ".join(_report(base.scene, head.scene).reach.provisioned)
    assert "`kubectl delete environment talos-1-11-5-amd64-" in told


def _booting(*names: str, talos: str, delivery: str = "files", **more: object) -> Scene:
    """Return berlin with environments of these names, whatever they boot."""
    listed = [{"name": name, "talos": talos, **more} for name in names]
    classes = [{"name": name, "environment": names[0]} for name in ("workers", "storage")]
    sidero = {"version": "v0.6.13", "controllerTrust": "managed", "delivery": delivery}
    return side(talos=talos, environments=listed, serverClasses=classes, sidero=sidero).scene


def _object(scene: Scene, name: str) -> str:
    return str(part(scene.inputs("SideroEnvironment"), "environments", name)["object"])


def test_the_old_object_of_an_environment_with_other_content_is_named() -> None:
    base, head = (_booting("a", "b", talos=talos) for talos in ("v1.11.5", "v1.12.6"))
    told = " ".join(_report(base, head).reach.provisioned)
    assert "Environments `a` and `b` get new objects" in told
    for name in ("a", "b"):
        assert f"`kubectl delete environment {_object(base, name)}`" in told
        assert _object(head, name) not in told


def test_an_environment_that_keeps_its_object_leaves_none_behind() -> None:
    base = _booting("a", talos="v1.11.5")
    head = _booting("a", talos="v1.11.5", extraKernelArgs=["console=ttyS1"])
    assert _object(base, "a") == _object(head, "a")
    told = " ".join(_report(base, head).reach.provisioned)
    assert "environments `a` and `default` boot" in told
    assert "kubectl" not in told


@pytest.mark.parametrize(("before", "after"), [("cluster", "cluster"), ("cluster", "files")])
def test_the_engine_deletes_the_old_object_that_it_made(before: str, after: str) -> None:
    base = _booting("a", talos="v1.11.5", delivery=before)
    head = _booting("a", talos="v1.12.6", delivery=after)
    assert "kubectl" not in " ".join(_report(base, head).reach.provisioned)


def test_what_was_applied_by_hand_stays_when_the_engine_takes_over() -> None:
    base, head = _booting("a", talos="v1.11.5"), _booting("a", talos="v1.12.6", delivery="cluster")
    told = " ".join(_report(base, head).reach.provisioned)
    assert f"`kubectl delete environment {_object(base, 'a')}`" in told


def test_the_engine_deletes_what_it_made() -> None:
    sidero = {"version": "v0.6.13", "controllerTrust": "managed", "delivery": "cluster"}
    base, head = side(sidero=sidero), side(sidero=sidero, classes={"workers": ()})
    (told,) = _report(base.scene, head.scene).reach.provisioned
    assert told == "Sidero provisions no more servers of server class `storage`."


def test_drift_is_repaired_after_a_refresh() -> None:
    (told,) = report_of(recorded("drift")).reach.running
    assert told.startswith("`pulumi refresh` and then `pulumi up` (or `pulumi up --refresh`)")


def test_a_registry_that_goes_stays_until_machines_have_the_cache() -> None:
    base, head = side(), side(registry={"kind": "none"})
    told = " ".join(_report(base.scene, head.scene).reach.pulls)
    assert "keep registry.berlin.example:5000 until the last machine that runs has the " in told


def test_a_new_site_without_a_factory_has_no_running_machines_to_tell() -> None:
    head = side(imageFactory={"kind": "none"})
    assert "no Image Factory" not in write_markdown(_report(Scene(), head.scene))


def test_machines_of_a_release_that_goes_are_told_what_to_do() -> None:
    base, head = recorded("versions").both()
    told = " ".join(_report(base.scene, head.scene).reach.running)
    assert "v1.11.5 the site makes no files any more: upgrade them, or keep" in told


def test_an_authority_of_another_host_is_no_other_authority() -> None:
    """A host moves, its CA does not: nobody is to be told of a rotation."""
    ca = str(side().value["assetMirror"]["ca"])  # type: ignore[index]
    endpoints = [{"url": "https://other.berlin.example:5000", "ca": ca}]
    head = side(registry={"kind": "existing", "endpoints": endpoints})
    report = _report(side().scene, head.scene)
    assert report.trust == ()
    assert "ertificate authority" not in report.headline
