"""Whom a change reaches, and what is still to be done by hand."""

from __future__ import annotations

import pytest

from airgap.report import Report, Scene, compare, write_markdown
from airgap.report.model import KeyChange, Kind, ObjectChange, VersionChange
from airgap.report.scene import part
from airgap.report.upgrades import tell_upgrades
from tests.report.recorded import BASIS, LINKS, NAME, TODAY, make_pin, recorded, report_of, side


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


def test_a_site_that_goes_leaves_what_nobody_deletes() -> None:
    """`kubectl apply` deletes nothing, and nor does a stack that has not made it."""
    told = report_of(recorded("removed")).reach.provisioned
    assert not any("provisions no more" in words for words in told)
    assert not any("kubectl delete environment default" in words for words in told)


def test_credentials_that_were_applied_by_hand_stay_as_well() -> None:
    registry = {
        "kind": "existing",
        "endpoints": [{"url": "https://registry.berlin.example:5000"}],
        "nodeAuth": "machineConfig",
    }
    told = _report(side(registry=registry).scene, Scene()).reach.provisioned
    assert any("Secret `airgap-registry-credentials`" in words for words in told)
    without = report_of(recorded("removed")).reach.provisioned
    assert not any("Secret" in words for words in without)


def test_a_site_that_goes_is_deleted_by_the_engine_that_made_it() -> None:
    """All but Sidero's own environment, which the engine has patched (`retain_on_delete`)."""
    sidero = {"version": "v0.6.13", "controllerTrust": "managed", "delivery": "cluster"}
    told = _report(side(sidero=sidero).scene, Scene()).reach.provisioned
    classes, default = told
    assert classes == "Sidero provisions no more servers of server classes `storage` and `workers`."
    assert default.startswith("Sidero's own environment `default` stays as it was patched last")


def test_an_image_that_is_needed_by_something_else_is_neither_gone_nor_new() -> None:
    report = report_of(recorded("need"))
    assert report.images == ()
    assert [(each.old, each.new) for each in report.needs] == [("workloads", "sidero")]
    assert report.reach.pulls == ()


def test_a_tag_with_new_content_is_not_gone_since_it_is_needed_by_something_else() -> None:
    nginx = "docker.io/library/nginx:1.27.3"
    head = side(pins={nginx: make_pin(nginx, "sidero", "sidero", content=" rebuilt")})
    (told,) = _report(side().scene, head.scene).reach.pulls
    assert told.startswith("1 tag with new content under the same name")


def test_a_platform_that_goes_is_told() -> None:
    base, head = recorded("architecture").both()
    report = _report(head.scene, base.scene)
    (change,) = report.platforms
    assert (change.platform, change.mark, change.images) == ("linux/arm64", "removed", 12)
    assert report.headline.startswith("Architecture arm64 is removed")
    assert "platform `linux/arm64` less, at most 120.0 MiB" in write_markdown(report)


def test_bytes_of_a_new_architecture_add_up() -> None:
    report = report_of(recorded("architecture"))
    files = sum(asset.size_bytes or 0 for asset in report.assets)
    assert report.transfer.fetch.size_bytes == report.platforms[0].size_bytes + files


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        # `upgrade.Path.IsSupported` of go-kubernetes: the same minor release, or the next one.
        ("1.34.1", "1.34.3", "until `talosctl upgrade-k8s --to 1.34.3`."),
        ("1.34.3", "1.34.1", "until `talosctl upgrade-k8s --to 1.34.1`."),
        ("1.34.1", "1.35.0", "until `talosctl upgrade-k8s --to 1.35.0`."),
        (
            "1.32.0",
            "1.35.0",
            "1.33, then one to a release of 1.34, then `talosctl upgrade-k8s --to 1.35.0`. Of 1.33",
        ),
        (
            "1.33.0",
            "1.34.2 1.35.0",
            "does: `talosctl upgrade-k8s --to 1.34.2`, then `talosctl upgrade-k8s --to 1.35.0`.",
        ),
        ("1.33.1 1.34.1", "1.34.1", "until `talosctl upgrade-k8s --to 1.34.1`."),
        ("1.34.1", "1.34.1 1.35.0", "until `talosctl upgrade-k8s --to 1.35.0`."),
        ("1.35.0", "1.34.1", "there is no way back to a minor release before it"),
        ("1.35.0 1.34.1", "1.34.1", "there is no way back to a minor release before it"),
    ],
)
def test_kubernetes_goes_a_minor_release_at_a_time_and_never_back(
    old: str, new: str, told: str
) -> None:
    (words,) = tell_upgrades([_versions("Kubernetes", old, new)])
    assert told in words


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        # Talos' guide on upgrading: tested between adjacent minor releases, by the last patch.
        ("1.11.5", "1.12.6", ""),
        ("1.11.5", "1.11.6", ""),
        ("1.10.9", "1.12.6", "by the last release of 1.11, which the site does not hold"),
        ("1.10.9", "1.11.5 1.12.6", ""),
        ("1.12.6", "1.11.5", "there is `talosctl rollback` alone"),
    ],
)
def test_talos_is_upgraded_from_one_minor_release_to_the_next(
    old: str, new: str, told: str
) -> None:
    first, *more = tell_upgrades([_versions("Talos", old, new)])
    assert "the site makes no files any more" in first
    assert told in " ".join(more)
    assert bool(told) == bool(more)


def test_releases_that_are_not_known_yet_are_not_counted() -> None:
    change = VersionChange(what="Kubernetes", old=("v1.34.1",), new=("(known after up)",))
    assert list(tell_upgrades([change])) == []


def _versions(what: str, *sides: str) -> VersionChange:
    old, new = (tuple(f"v{version}" for version in each.split()) for each in sides)
    return VersionChange(what=what, old=old, new=new)


@pytest.mark.parametrize(
    ("kind", "names", "told"),
    [
        ("sidero", ("Sidero",), "Sidero is changed."),
        ("assetMirror", ("asset mirror",), "The asset mirror is changed."),
        ("imageFactory", ("Image Factory",), "The Image Factory is changed."),
        ("resource", ("Secret a",), "The resource `Secret a` is changed."),
        ("resource", ("Secret a", "Secret b"), "The resources `Secret a` and `Secret b` are chan"),
    ],
)
def test_the_headline_is_a_sentence(kind: Kind, names: tuple[str, ...], told: str) -> None:
    key = KeyChange(path="assetLink", old="1Gbit/s", new="10Gbit/s")
    change = ObjectChange(id="x", kind=kind, names=names, mark="changed", keys=(key,))
    scene = side().scene
    report = compare(scene, scene, site=NAME, basis=BASIS, today=TODAY, more_objects=[change])
    assert report.headline.startswith(told)


def test_what_is_filled_is_not_told_as_gone() -> None:
    text = write_markdown(report_of(recorded("first-registry")))
    assert "| `[]` |" not in text


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
