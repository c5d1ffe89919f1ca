"""No edit of a site reads as none: what neither plan nor lock tell of stands in a section."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from airgap.lock.model import Lock, SchematicPin
from airgap.report import Report, Scene, compare, write_json, write_markdown, write_page
from airgap.report.contents import anchor
from airgap.report.site_keys import TOLD, compare_sites
from airgap.schematic import Schematic, canonical_yaml, schematic_id
from airgap.site.model import Sidero, Site
from tests.plan.samples import made_assets
from tests.report.recorded import (
    BASIS,
    CA,
    LINKS,
    NAME,
    OTHER_CA,
    TODAY,
    Side,
    make_pin,
    recorded,
    report_of,
    side,
)
from tests.report.test_injection import EVIL, TURNED
from tests.report.test_limit import large

KEY, OTHER_KEY = (
    f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n" for body in ("a2V5", "b3Ro")
)
KEYLESS = {"issuer": "https://accounts.example", "identity": "release@example.com"}
NGINX = "docker.io/library/nginx:1.27.3"

Path = tuple[str | int, ...]


def _lock() -> Lock:
    """Return berlin's lock with all that any edit below asks for."""
    lock, later = side().lock, side(talos="v1.12.6").lock
    arm = {key.replace("amd64", "arm64"): pin for key, pin in lock.assets.items()}
    empty = next(key for key, pin in lock.schematics.items() if "workers" in pin.classes)
    names = ("kernel-amd64", "initramfs-amd64.xz", "cmdline-metal-amd64")
    made = made_assets("v1.11.5", empty, *names, text="talos.platform=metal console=tty0")
    return lock.model_copy(
        update={
            "images": {**later.images, **lock.images},
            "assets": {**lock.assets, **later.assets, **arm, **made},
        }
    )


def _value() -> dict[str, Any]:
    value: dict[str, Any] = copy.deepcopy(side().value)
    value["imageFactory"]["registry"] = {"url": "https://registry.berlin.example:5000", "ca": CA}
    value["imageFactory"]["verification"] = {"publicKey": KEY}
    value["environments"][0]["name"] = "metal"
    value["environments"].append({"name": "second", "talos": "v1.11.5"})
    for each in value["serverClasses"]:
        each["environment"] = "metal"
    return value


def edited(*edits: tuple[Path, object], lock: Lock | None = None) -> Side:
    """Return berlin with some values in other places than they were."""
    value: Any = _value()
    for path, new in edits:
        inner = value
        for step in path[:-1]:
            inner = inner.setdefault(step, {}) if isinstance(inner, dict) else inner[step]
        inner[path[-1]] = copy.deepcopy(new)  # what follows may write into it
    return Side(value=value, lock=lock or _lock())


def report_between(base: Side, head: Side) -> Report:
    """Return the report of a change."""
    return compare(base.scene, head.scene, site=NAME, basis=BASIS, links=LINKS, today=TODAY)


def paths_of(base: Side, head: Side) -> list[str]:
    """Return the keys that are told."""
    return [key.path for key in report_between(base, head).site_keys]


ALONE: Sequence[tuple[str, Path, object]] = (
    ("upstream.releases.url", ("upstream",), {"releases": "https://cache.example/talos"}),
    (
        'upstream.registries["ghcr.io"].url',
        ("upstream",),
        {"registries": {"ghcr.io": "https://cache.example/ghcr.io"}},
    ),
    (
        "upstream.factory.version",
        ("upstream",),
        {"factory": {"url": "https://f.example", "version": "v1.5.0"}},
    ),
    ("transfer.limits", ("transfer", "limits"), [{"rate": "20MiB/s"}]),
    ("transfer.connections", ("transfer", "connections"), 4),
    ("transfer.platforms", ("transfer", "platforms"), ["linux/amd64"]),
    ("signatures.collect", ("signatures", "collect"), False),
    ("signatures.trustRoot.content", ("signatures", "trustRoot"), {"content": "{}"}),
    ("talos.components", ("talos", "components"), {"v1.11.5": {"coredns": "v1.12.4"}}),
    ("management.clusterApi", ("management",), {"clusterApi": "v1.10.4"}),
    ("imagePaths", ("imagePaths",), [{"kind": "Prometheus", "paths": ["spec.image"]}]),
    ("manifests", ("manifests",), ["manifests/shop.yaml"]),
    ("images", ("images",), [NGINX]),
    ("registry.overwrite", ("registry", "overwrite"), True),
    ("registry.endpoints", ("registry", "endpoints", 0, "caFile"), "certs/ca.pem"),
    ("imageFactory.catalogue", ("imageFactory", "catalogue"), "all"),
    ("imageFactory.deployment.scratchSize", ("imageFactory", "deployment"), {"scratchSize": "9Gi"}),
    ("imageCache.repository", ("imageCache", "repository"), "cache"),
    ("environments.metal.bootAssetFile", ("environments", 0, "bootAssetFile"), "own.raw"),
    ("serverClasses.workers.bootAssets", ("serverClasses", 0, "bootAssets"), ["metal-amd64.iso"]),
    ("policy.allowedHosts", ("policy",), {"allowedHosts": ["registry.berlin.example:5000"]}),
)


@pytest.mark.parametrize(("key", "path", "value"), ALONE, ids=[each[0] for each in ALONE])
def test_an_edit_that_nothing_else_tells_of_is_told(key: str, path: Path, value: object) -> None:
    base, head = edited(), edited((path, value))
    for report in (report_between(base, head), report_between(head, base)):
        assert not report.is_empty
        assert any(each.path.startswith(key) for each in report.site_keys)
        assert "Nothing changes" not in report.headline
        assert report.headline.endswith((" of the stack file is changed.", " are changed."))
        assert key.partition(".")[0] in write_markdown(report)
        assert "### Other keys of the stack file" in write_markdown(report)
        for each in report.site_keys:
            assert f'id="{anchor("stack-file", each.path)}"' in write_page(report)


MORE = "more-than-before"
_OTHER = Schematic.model_validate({"customization": {"extraKernelArgs": (MORE,)}})


def _other_schematic() -> Lock:
    """Return the lock of classes whose schematic is another."""
    pin = SchematicPin(canonical=canonical_yaml(_OTHER), classes=("workers", "storage"))
    return _lock().model_copy(update={"schematics": {schematic_id(_OTHER): pin}})


_REQUIRE = [{"images": "ghcr.io/siderolabs/**", "keyless": KEYLESS}]
PLANNED: Mapping[str, tuple[Path, object]] = {
    "talos.versions": (("talos", "versions"), ["v1.11.5", "v1.12.6"]),
    "kubernetes.versions": (("kubernetes", "versions"), ["v1.34.1", "v1.35.0"]),
    "architectures": (("architectures",), ["amd64", "arm64"]),
    "registry.kind": (("registry", "kind"), "embedded"),
    "registry.endpoints.*.url": (("registry", "endpoints", 0, "url"), "https://r.example"),
    "registry.endpoints.*.ca": (("registry", "endpoints", 0, "ca"), OTHER_CA),
    "registry.pathPrefix": (("registry", "pathPrefix"), "team"),
    "registry.layout": (("registry", "layout"), "flat"),
    "registry.mirrors": (("registry", "mirrors"), {"ghcr.io": {"skipVerify": True}}),
    "registry.nodeAuth": (("registry", "nodeAuth"), "machineConfig"),
    "assetMirror.kind": (("assetMirror", "kind"), "embedded"),
    "assetMirror.url": (("assetMirror", "url"), "https://a.example"),
    "assetMirror.path": (("assetMirror", "path"), "/srv/other"),
    "assetMirror.ca": (("assetMirror", "ca"), OTHER_CA),
    "imageFactory.kind": (("imageFactory", "kind"), "none"),
    "imageFactory.version": (("imageFactory", "version"), "v1.6.0"),
    "imageFactory.endpoint": (("imageFactory", "endpoint"), "https://f.example"),
    "imageFactory.installer": (("imageFactory", "installer"), "mirrored"),
    "imageFactory.registry.url": (("imageFactory", "registry", "url"), "https://r.example"),
    "imageFactory.registry.ca": (("imageFactory", "registry", "ca"), OTHER_CA),
    "imageFactory.ca": (("imageFactory", "ca"), OTHER_CA),
    "imageFactory.verification.publicKey": (
        ("imageFactory", "verification", "publicKey"),
        OTHER_KEY,
    ),
    "sidero.version": (("sidero", "version"), "v0.6.12"),
    "sidero.flavour": (("sidero", "flavour"), "airgap"),
    "sidero.namespace": (("sidero", "namespace"), "sidero"),
    "sidero.delivery": (("sidero", "delivery"), "cluster"),
    "sidero.assetLink": (("sidero", "assetLink"), "10Gbit/s"),
    "sidero.controllerTrust": (("sidero", "controllerTrust"), "external"),
    "environments.*.talos": (("environments", 1, "talos"), "v1.12.6"),
    "environments.*.architecture": (("environments", 1, "architecture"), "arm64"),
    "environments.*.extraKernelArgs": (("environments", 1, "extraKernelArgs"), ["console=ttyS1"]),
    "environments.*.schematicOf": (("environments", 1, "schematicOf"), "workers"),
    "serverClasses.*.environment": (("serverClasses", 0, "environment"), "second"),
    "serverClasses.*.qualifiers": (("serverClasses", 0, "qualifiers"), {}),
    "serverClasses.*.selector": (("serverClasses", 0, "selector"), {"matchLabels": {"a": "b"}}),
    "serverClasses.*.extensions": (("serverClasses", 0, "extensions"), [f"siderolabs/{MORE}"]),
    "serverClasses.*.extraKernelArgs": (("serverClasses", 0, "extraKernelArgs"), [MORE]),
    "serverClasses.*.overlay": (("serverClasses", 0, "overlay"), {"name": "a", "image": "b"}),
    "serverClasses.*.meta": (("serverClasses", 0, "meta"), [{"key": 10, "value": MORE}]),
    "serverClasses.*.bootloader": (("serverClasses", 0, "bootloader"), "grub"),
    "nodes": (("nodes", "nameservers"), ["10.0.0.9"]),
    "signatures.require": (("signatures", "require"), _REQUIRE),
    "signatures.releases": (("signatures", "releases"), KEYLESS),
    "retention": (("retention", "keepLocks"), 9),
    "policy": (("policy", "levels"), {"schematic-drift": "mandatory"}),
}
_SCHEMATIC = {"extensions", "extraKernelArgs", "overlay", "meta", "bootloader"}


def test_each_key_that_is_left_out_is_proved_below() -> None:
    assert {".".join(path) for path in TOLD} == set(PLANNED)


def _without_registry() -> list[tuple[Path, object]]:
    cache = {"enabled": True, "medium": "cd", "publish": ["iso"]}
    return [
        (("registry",), {"kind": "none"}),
        (("imageFactory",), {"kind": "none"}),
        (("imageCache",), cache),
    ]


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        *((key, "existing") for key in PLANNED),
        *(
            (key, "none")
            for key in PLANNED
            if not key.startswith(("registry.kind", "registry.endpoints", "imageFactory"))
        ),
    ],
)
def test_a_key_that_is_left_out_is_told_by_plan_or_lock(key: str, registry: str) -> None:
    """Whatever else changes: so nothing is lost where it is not told a second time."""
    path, value = PLANNED[key]
    bare = _without_registry() if registry == "none" else []
    bare += [(("serverClasses",), [])] if key == "imageFactory.installer" else []
    lock = _other_schematic() if key.rpartition(".")[2] in _SCHEMATIC and "*" in key else None
    base, head = edited(*bare), edited(*bare, (path, value), lock=lock)
    assert base.site != head.site
    scenes = [replace(each.scene, site=None) for each in (base, head)]
    report = compare(*scenes, site=NAME, basis=BASIS, links=LINKS, today=TODAY)
    assert not report.is_empty
    assert report_between(base, head).site_keys == ()


class _LaterSidero(Sidero):
    """Sidero with a key that nobody has thought of yet."""

    later: str = ""


class _LaterSite(Site):
    """A site with keys that nobody has thought of yet."""

    sidero: _LaterSidero
    later: str = ""


def test_a_key_that_is_new_to_the_site_is_told_from_the_first_day() -> None:
    value = side().value
    sidero = value["sidero"]
    assert isinstance(sidero, dict)
    base = _LaterSite.model_validate(value)
    head = _LaterSite.model_validate({**value, "later": "b", "sidero": {**sidero, "later": "a"}})
    told = compare_sites(base, head, (), is_alone=False)
    assert [(key.path, key.old, key.new) for key in told] == [
        ("sidero.later", "", "a"),
        ("later", "", "b"),
    ]


def test_what_means_the_same_is_no_change() -> None:
    stated = edited(
        (("transfer",), {"connections": 16, "limits": []}),
        (("upstream",), {"registries": {}}),
        (("imageCache",), {"enabled": False}),
    )
    report = report_between(edited(), stated)
    assert report.is_empty
    assert report.headline == "Nothing changes."
    assert "stack file" not in write_markdown(report)
    assert "stack-file" not in write_page(report)


def test_a_certificate_of_upstream_is_told_by_its_fingerprint() -> None:
    base, head = (
        edited((("upstream",), {"releases": {"url": "https://c.example", "ca": ca}}))
        for ca in (CA, OTHER_CA)
    )
    (key,) = report_between(base, head).site_keys
    assert key.path == "upstream.releases.ca"
    assert (key.old or "")[:7] == (key.new or "")[:7] == "sha256:"
    assert "BEGIN" not in write_json(report_between(base, head))
    same = edited((("upstream",), {"releases": {"url": "https://c.example", "ca": f"# us\n{CA}"}}))
    assert report_between(base, same).is_empty


def test_beside_other_changes_it_is_told_as_well() -> None:
    base, head = recorded("image").both()
    moved = Side(value={**head.value, "transfer": {"connections": 2}}, lock=head.lock)
    report = report_between(base, moved)
    assert [key.path for key in report.site_keys] == ["transfer.connections"]
    assert report.headline == (
        "2 images updated; `transfer.connections` of the stack file is changed."
    )


def test_an_image_that_the_tables_name_is_not_told_again() -> None:
    base, head = recorded("image").both()
    assert paths_of(base, head) == []
    other = "docker.io/library/redis:7.4"
    pins = {other: make_pin(other, "workloads", "manifest shop.yaml")}
    listed = side(pins=pins, images=["docker.io/grafana/grafana:11.3.0"])
    (key,) = report_between(side(), listed).site_keys
    assert (key.path, key.went, key.came) == ("images", (NGINX,), ())


@pytest.mark.parametrize("sides", [(Scene(), side().scene), (side().scene, Scene())])
def test_a_site_that_comes_or_goes_lists_no_keys(sides: tuple[Scene, Scene]) -> None:
    report = compare(*sides, site=NAME, basis=BASIS, links=LINKS, today=TODAY)
    assert report.site_keys == ()
    assert "stack file" not in write_markdown(report)


@pytest.mark.parametrize("name", ["drift", "credential-rotation"])
def test_where_the_engine_tells_nothing_is_said_of_sites(name: str) -> None:
    report = report_of(recorded(name))
    assert report.site_keys == ()
    assert "stack file" not in write_markdown(report)
    assert "stack-file" not in write_page(report)


def test_no_secret_is_read_in_a_key() -> None:
    marked = "MARKED-do-not-show"
    head = edited(
        (("upstream",), {"releases": f"https://cache.example/token={marked}"}),
        (("imagePaths",), [{"kind": "A", "paths": [f"spec.password={marked}"]}]),
        (("manifests",), [f"shop/api-key={marked}.yaml"]),
    )
    report = report_between(edited(), head)
    assert {"upstream.releases.url", "imagePaths", "manifests"} == {
        key.path for key in report.site_keys
    }
    for text in (write_json(report), write_markdown(report), write_page(report)):
        assert marked not in text


def test_markup_in_a_key_is_text() -> None:
    registries = {EVIL: "https://a.example", f"{TURNED}|c": "https://b.example"}
    report = report_between(edited(), edited((("upstream",), {"registries": registries})))
    assert len(report.site_keys) == 2
    page, text = write_page(report), write_markdown(report)
    assert "<b>" not in page
    assert TURNED[1] not in page + text
    assert r"a\u202eb\|c" in text


def test_where_upstream_is_another_the_picture_leads_to_it() -> None:
    report = report_of(recorded("stack-file"))
    node = next(each for each in report.topology.nodes if each.kind == "upstream")
    assert (node.standing, node.target) == ("changed", "stack-file")
    assert '<section id="stack-file"' in write_page(report)


def test_many_keys_are_folded_and_each_is_named() -> None:
    hosts = [f"registry-{number:03}.example" for number in range(120)]
    redirects = {host: f"https://a-long-name-of-a-cache.example/{host}" for host in hosts}
    base, head = large("v1.2.3"), large("v1.2.4", upstream={"registries": redirects})
    text = write_markdown(report_between(base, head))
    assert len(text) <= 60_000
    assert "Too long" not in text
    assert [host for host in hosts if host not in text] == []
    few = report_between(side(), side(upstream={"registries": redirects}))
    assert "<summary>settings: 120 keys</summary>" in write_markdown(few)
