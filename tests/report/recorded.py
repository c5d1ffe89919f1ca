"""The recorded changes of one site, berlin: what a reviewer sees most days, and some days only.

Names are those of the real releases; digests and sizes are made from the names, so that a golden
report tells one from another and never changes by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from airgap.lock import fingerprint, read_lock
from airgap.lock.model import AssetPin, ImagePin, Lock, PlatformPin, SchematicPin
from airgap.oci.manifest import OCI_INDEX
from airgap.plan import plan_site
from airgap.receipt import Altered, HeldAsset, HeldImage, Receipt, lock_digest
from airgap.report import (
    Basis,
    Report,
    Scene,
    compare,
    compare_held,
    held_words,
    parse_link,
    read_events,
    scene_of_plan,
)
from airgap.schematic import Schematic, canonical_yaml, schematic_id
from airgap.site.model import Site
from tests.plan.samples import sha256, sha512
from tests.report.recording import EVENTS

__all__ = [
    "BASIS", "LINKS", "NAME", "RECORDED", "TODAY",
    "Recorded", "Side", "make_pin", "make_receipt", "recorded", "report_of", "side",
]  # fmt: skip

NAME = "berlin"
TODAY = date(2026, 12, 1)
LINKS = tuple(map(parse_link, ("100Mbit/s", "1Gbit/s")))
BASIS = Basis(kind="locks", base="`main` at 1f2e3d4", head="the working tree of branch `change`")
CA, OTHER_CA = (
    (Path(__file__).parent / "authorities" / f"berlin-{year}.pem").read_text()
    for year in (2026, 2027)
)
"""Of the site's own, valid until 2046; their keys were thrown away."""
_MIB = 1024 * 1024

Value = dict[str, object]


def _size(name: str, smallest: int, largest: int) -> int:
    """Return a size made from the name."""
    number = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
    return smallest * _MIB + number % ((largest - smallest) * _MIB)


def make_pin(reference: str, need: str, *why: str, content: str = "") -> ImagePin:
    amd64 = PlatformPin(
        digest=sha256(f"{reference}{content} amd64"), size=_size(f"{reference}{content}", 15, 90)
    )
    return ImagePin(
        digest=sha256(f"{reference}{content}"),
        media_type=OCI_INDEX,
        size=amd64.size + 1500,
        platforms={"linux/amd64": amd64},
        need=need,
        needed_by=why,
    )


def _images(talos: str, kubernetes: str) -> dict[str, ImagePin]:
    version = f"talos {talos}"
    pins = {
        f"ghcr.io/siderolabs/installer:{talos}": ("talos", version),
        f"ghcr.io/siderolabs/flannel:{_FLANNEL[talos]}": ("kubernetes", version),
        f"ghcr.io/siderolabs/kubelet:{kubernetes}": ("kubernetes", f"kubernetes {kubernetes}"),
        f"registry.k8s.io/kube-apiserver:{kubernetes}": ("kubernetes", f"kubernetes {kubernetes}"),
        f"registry.k8s.io/kube-scheduler:{kubernetes}": ("kubernetes", f"kubernetes {kubernetes}"),
        f"registry.k8s.io/kube-proxy:{kubernetes}": ("kubernetes", f"kubernetes {kubernetes}"),
        "registry.k8s.io/coredns/coredns:v1.12.4": ("kubernetes", version),
        "registry.k8s.io/pause:3.10": ("kubernetes", version),
        "gcr.io/etcd-development/etcd:v3.6.5": ("kubernetes", version),
        "ghcr.io/siderolabs/iscsi-tools:v0.2.0": ("extensions", "server class storage"),
        "docker.io/library/nginx:1.27.3": ("workloads", "site images"),
        "docker.io/grafana/grafana:11.3.0": ("workloads", "site images"),
    }
    return {name: make_pin(name, need, why) for name, (need, why) in pins.items()}


_FLANNEL = {"v1.11.5": "v0.27.4", "v1.12.0": "v0.27.4", "v1.12.6": "v0.28.0"}


def _assets(talos: str) -> dict[str, AssetPin]:
    names = {f"{talos}/vmlinuz-amd64": (18, 20), f"{talos}/initramfs-amd64.xz": (75, 90)}
    return {
        name: AssetPin(
            sha256=sha256(name),
            sha512=sha512(name),
            size=_size(name, *sizes),
            url=f"https://github.com/siderolabs/talos/releases/download/{name}",
            needed_by=(f"environment of Talos {talos}",),
        )
        for name, sizes in names.items()
    }


def _schematics(classes: Mapping[str, tuple[str, ...]]) -> dict[str, SchematicPin]:
    pins: dict[str, SchematicPin] = {}
    for name, extensions in classes.items():
        schematic = Schematic.model_validate(
            {"customization": {"systemExtensions": {"officialExtensions": extensions}}}
            if extensions
            else {}
        )
        identity, text = schematic_id(schematic), canonical_yaml(schematic)
        owners = pins[identity].classes if identity in pins else ()
        pins[identity] = SchematicPin(canonical=text, classes=(*owners, name))
    return pins


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Berlin as its author writes it, and its lock; not there, where the site goes or comes."""

    value: Value
    lock: Lock
    is_there: bool = True

    @property
    def site(self) -> Site:
        """The site, its authorities in it."""
        return Site.model_validate(self.value)

    @property
    def scene(self) -> Scene:
        """The side as it is compared."""
        if not self.is_there:
            return Scene()
        return scene_of_plan(plan_site(self.site, self.lock, name=NAME), self.lock, self.site)


def side(
    *,
    talos: str = "v1.11.5",
    kubernetes: str = "v1.34.1",
    classes: Mapping[str, tuple[str, ...]] | None = None,
    pins: Mapping[str, ImagePin] | None = None,
    without: tuple[str, ...] = (),
    **changes: object,
) -> Side:
    """Return berlin.

    Args:
        talos: Its one release.
        kubernetes: Its one release.
        classes: Server classes and their extensions.
        pins: More images, or others.
        without: References that are not there.
        changes: Top-level keys of the site.
    """
    named = classes or CLASSES
    value = value_of(talos=talos, kubernetes=kubernetes, classes=named, **changes)
    images = {**_images(talos, kubernetes), **(pins or {})}
    lock = Lock(
        inputs=fingerprint(Site.model_validate(value)),
        images={name: pin for name, pin in images.items() if name not in without},
        assets=_assets(talos),
        schematics=_schematics(named),
    )
    return Side(value=value, lock=lock)


CLASSES: Mapping[str, tuple[str, ...]] = {"workers": (), "storage": ("siderolabs/iscsi-tools",)}


def value_of(
    *,
    talos: str = "v1.11.5",
    kubernetes: str = "v1.34.1",
    classes: Mapping[str, tuple[str, ...]] = CLASSES,
    **changes: object,
) -> Value:
    """Return berlin as its author writes it."""
    environment = f"talos-{talos.removeprefix('v').replace('.', '-')}-amd64"
    return {
        "schemaVersion": 1,
        "images": ["docker.io/library/nginx:1.27.3", "docker.io/grafana/grafana:11.3.0"],
        "talos": {"versions": [talos]},
        "kubernetes": {"versions": [kubernetes]},
        "registry": _registry(),
        "assetMirror": {
            "kind": "directory",
            "url": "https://artifacts.berlin.example/talos",
            "path": "/srv/artifacts/talos",
            "ca": CA,
        },
        "imageFactory": _factory(),
        "sidero": {"version": "v0.6.13", "controllerTrust": "managed"},
        "environments": [{"name": environment, "talos": talos}],
        "serverClasses": [
            {
                "name": name,
                "environment": environment,
                "extensions": list(extensions),
                "qualifiers": {"hardware": [{"system": {"manufacturer": f"Maker of {name}"}}]},
            }
            for name, extensions in classes.items()
        ],
        "nodes": {"timeServers": ["10.0.0.1"], "nameservers": ["10.0.0.2"]},
        **changes,
    }


def _registry(**changes: object) -> Value:
    return {
        "kind": "existing",
        "endpoints": [{"url": "https://registry.berlin.example:5000", "ca": CA}],
        **changes,
    }


def _factory(**changes: object) -> Value:
    return {
        "kind": "existing",
        "version": "v1.5.0",
        "endpoint": "https://factory.berlin.example",
        "registry": "registry.berlin.example:5000",
        "ca": CA,
        **changes,
    }


Sides = Callable[[], tuple[Side, Side]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A change, and what its report must tell whoever reads nothing else.

    Without sides it is a recording of the engine's (tests/stacks/test_report.py makes them).

    Attributes:
        lacks: What the site has not whole by its receipt, and how; empty where it gave none.
    """

    name: str
    told: tuple[str, ...]
    sides: Sides | None = None
    lacks: Mapping[str, str] = field(default_factory=dict)

    def both(self) -> tuple[Side, Side]:
        """Return base and head."""
        assert self.sides is not None, f"{self.name} is told by the engine"
        return self.sides()


def _versions() -> tuple[Side, Side]:
    return side(), side(talos="v1.12.6", kubernetes="v1.35.0")


def _image_moves() -> tuple[Side, Side]:
    nginx, grafana = "docker.io/library/nginx:1.28.0", "docker.io/grafana/grafana:11.3.0"
    pins = {
        nginx: make_pin(nginx, "workloads", "site images"),
        grafana: make_pin(grafana, "workloads", "site images", content=" rebuilt"),
    }
    named = [nginx, grafana]
    gone = ("docker.io/library/nginx:1.27.3",)
    return side(), side(pins=pins, without=gone, images=named)


def _extension() -> tuple[Side, Side]:
    tools = "ghcr.io/siderolabs/util-linux-tools:2.41.1"
    return side(), side(
        classes={
            "workers": (),
            "storage": ("siderolabs/iscsi-tools", "siderolabs/util-linux-tools"),
        },
        pins={tools: make_pin(tools, "extensions", "server class storage")},
    )


def _mirror() -> tuple[Side, Side]:
    override = {
        "docker.io": {
            "endpoints": ["https://cache.berlin.example/v2/docker.io"],
            "skipVerify": True,
            "skipFallback": False,
        }
    }
    return side(), side(registry=_registry(mirrors=override))


def _rotated_ca() -> tuple[Side, Side]:
    return side(), side(
        registry=_registry(
            endpoints=[{"url": "https://registry.berlin.example:5000", "ca": OTHER_CA}]
        ),
        imageFactory=_factory(ca=OTHER_CA),
        assetMirror={
            "kind": "directory",
            "url": "https://artifacts.berlin.example/talos",
            "path": "/srv/artifacts/talos",
            "ca": OTHER_CA,
        },
    )


def _class_added() -> tuple[Side, Side]:
    tools = "ghcr.io/siderolabs/nvidia-container-toolkit-production:570.148.08-v1.17.8"
    return side(), side(
        classes={
            "workers": (),
            "storage": ("siderolabs/iscsi-tools",),
            "gpu": ("siderolabs/nvidia-container-toolkit-production",),
        },
        pins={tools: make_pin(tools, "extensions", "server class gpu")},
    )


def _class_removed() -> tuple[Side, Side]:
    return side(), side(classes={"workers": ()}, without=("ghcr.io/siderolabs/iscsi-tools:v0.2.0",))


def _flavour() -> tuple[Side, Side]:
    sidero = {"version": "v0.6.13", "flavour": "airgap", "controllerTrust": "managed"}
    return side(), side(sidero=sidero)


def _layout() -> tuple[Side, Side]:
    return side(), side(registry=_registry(layout="flat"))


def _same_name() -> tuple[Side, Side]:
    """A new release under the environment's old name."""
    return _metal("v1.11.5"), _metal("v1.12.6")


def _metal(talos: str) -> Side:
    classes = [{"name": name, "environment": "metal"} for name in CLASSES]
    return side(
        talos=talos, environments=[{"name": "metal", "talos": talos}], serverClasses=classes
    )


def _stack_file() -> tuple[Side, Side]:
    """Redirects of upstream, limits, and a root of trust: neither plan nor lock has any."""
    old = {"registries": {"ghcr.io": "https://cache.berlin.example/ghcr.io"}}
    new = {
        "registries": {
            "ghcr.io": {"url": "https://proxy.berlin.example/ghcr.io", "ca": CA},
            "docker.io": "https://proxy.berlin.example/docker.io",
        },
        "releases": "https://proxy.berlin.example/talos",
    }
    night = {"between": "22:00-06:00", "rate": "unlimited"}
    return side(upstream=old, transfer={"limits": [{"rate": "20MiB/s"}]}), side(
        upstream=new,
        transfer={"limits": [night, {"rate": "20MiB/s"}], "connections": 4},
        signatures={"trustRoot": {"content": '{\n  "mediaType": "a trust root"\n}'}},
    )


def _removed() -> tuple[Side, Side]:
    return side(), replace(side(), is_there=False)


_IN_CLUSTER = {"version": "v0.6.13", "controllerTrust": "managed", "delivery": "cluster"}


def _to_files() -> tuple[Side, Side]:
    return side(sidero=_IN_CLUSTER), side()


def _to_cluster() -> tuple[Side, Side]:
    return side(), side(sidero=_IN_CLUSTER)


def _served() -> tuple[Side, Side]:
    """From the store that is served to a registry and a web server of the same URLs."""
    return side(
        registry=_registry(kind="embedded"),
        assetMirror={
            "kind": "embedded",
            "url": "https://registry.berlin.example:5000",
            "ca": CA,
        },
    ), side()


def _first_registry() -> tuple[Side, Side]:
    more: Value = {
        "imageCache": {"enabled": True, "medium": "cd"},
        "imageFactory": {"kind": "none"},
        "classes": {"workers": ()},
    }
    return side(registry={"kind": "none"}, **more), side(**more)  # type: ignore[arg-type]


def _need() -> tuple[Side, Side]:
    nginx = "docker.io/library/nginx:1.27.3"
    return side(), side(pins={nginx: make_pin(nginx, "sidero", "sidero v0.6.13")})


ARM_BYTES = 10 * _MIB
"""Of each image's arm64 platform."""


def _architecture() -> tuple[Side, Side]:
    release = {"talos": "v1.11.5"}
    name = "talos-1-11-5"
    both = side(
        architectures=["amd64", "arm64"],
        environments=[
            {"name": f"{name}-amd64", **release},
            {"name": f"{name}-arm64", "architecture": "arm64", **release},
        ],
    )
    images = {
        text: pin.model_copy(
            update={
                "platforms": {
                    **pin.platforms,
                    "linux/arm64": PlatformPin(digest=sha256(f"{text} arm64"), size=ARM_BYTES),
                }
            }
        )
        for text, pin in both.lock.images.items()
    }
    arm = {
        key: pin.model_copy(update={"sha256": sha256(key), "sha512": sha512(key)})
        for text, pin in both.lock.assets.items()
        for key in (text.replace("amd64", "arm64"),)
    }
    update = {"images": images, "assets": {**both.lock.assets, **arm}}
    return side(), replace(both, lock=both.lock.model_copy(update=update))


def _kubernetes_back() -> tuple[Side, Side]:
    return side(talos="v1.12.6", kubernetes="v1.35.0"), side(talos="v1.12.6")


def _kubernetes_skips() -> tuple[Side, Side]:
    return side(kubernetes="v1.32.0"), side()


def _nothing() -> tuple[Side, Side]:
    return side(), side()


RECORDED = (
    Recorded(
        name="versions",
        sides=_versions,
        told=("Talos v1.11.5 → v1.12.6", "Kubernetes v1.34.1 → v1.35.0", "talosctl upgrade"),
    ),
    Recorded(name="image", sides=_image_moves, told=("1.27.3", "1.28.0", "same name")),
    Recorded(
        name="extension", sides=_extension, told=("siderolabs/util-linux-tools", "new schematic")
    ),
    Recorded(
        name="mirror",
        sides=_mirror,
        told=("docker.io", "skipVerify", "skipFallback", "cache.berlin.example", "violation"),
    ),
    Recorded(name="ca-rotation", sides=_rotated_ca, told=("replaced", "trust both in between")),
    Recorded(name="class-added", sides=_class_added, told=("`gpu` is added", "Maker of gpu")),
    Recorded(name="class-removed", sides=_class_removed, told=("`storage` is removed", "prune")),
    Recorded(name="flavour", sides=_flavour, told=("flavour stock → airgap", "airGap")),
    Recorded(name="layout", sides=_layout, told=("layout prefix → flat", "every image is pushed")),
    Recorded(
        name="credential-rotation",
        told=("Secrets of server class `workers`", "(secret, changed)", "python -m airgap secret"),
    ),
    Recorded(name="drift", told=("Drift: 2 images, 2 boot assets and 1 file", "missing")),
    Recorded(
        name="same-name",
        sides=_same_name,
        told=("Environment `metal` gets a new object", "kubectl delete environment metal-"),
    ),
    Recorded(
        name="stack-file",
        sides=_stack_file,
        told=(
            "Nothing that machines see changes; ",
            "https://proxy.berlin.example/talos",
            "unlimited",
            "`16`",
        ),
    ),
    Recorded(
        name="receipt",
        sides=_nothing,
        told=("Nothing changes", "lacks 2 things", "truncated to 12 bytes"),
        lacks={
            "docker.io/library/nginx:1.27.3": "missing",
            "v1.11.5/vmlinuz-amd64": "truncated to 12 bytes",
        },
    ),
    Recorded(
        name="removed",
        sides=_removed,
        told=(
            "The site is removed",
            "Server classes `storage` and `workers` are still there, and Sidero provisions",
            "until `kubectl delete serverclass storage` and `kubectl delete serverclass workers`",
            "`kubectl delete environment talos-1-11-5-amd64-",
            "Sidero's own environment `default` stays",
            "`controller-trust/`",
        ),
    ),
    Recorded(
        name="delivery-to-files",
        sides=_to_files,
        told=(
            "`up` deletes server classes `storage` and `workers` and environment `talos-1-11-5-",
            "until the files are applied, by `sh out/berlin/apply.sh`",
            "`default` stays as it was patched last",
        ),
    ),
    Recorded(
        name="delivery-to-cluster",
        sides=_to_cluster,
        told=(
            "`up` makes objects that are there already, applied from files, and refuses to",
            "`kubectl delete serverclass storage workers`",
            "`PULUMI_K8S_UPSERT_EXISTING_OBJECTS=true`",
            "GitOps has to let go",
        ),
    ),
    Recorded(
        name="served-to-pushed",
        sides=_served,
        told=(
            "| to carry in | nothing |",
            "every image is pushed there",
            "every boot asset is published there",
        ),
    ),
    Recorded(
        name="first-registry",
        sides=_first_registry,
        told=("| to carry in | nothing |", "every image is pushed there"),
    ),
    Recorded(
        name="need",
        sides=_need,
        told=(
            "1 image is needed by something else",
            "`docker.io/library/nginx:1.27.3` stays as it is, now needed by Sidero and no more",
            "Nothing is to be fetched, carried in or pushed",
        ),
    ),
    Recorded(
        name="architecture",
        sides=_architecture,
        told=(
            "Architecture arm64 is added",
            "12 images that stay: platform `linux/arm64` more, at most 120.0 MiB",
        ),
    ),
    Recorded(
        name="kubernetes-back",
        sides=_kubernetes_back,
        told=("there is no way back", "`talosctl upgrade-k8s` refuses v1.34.1"),
    ),
    Recorded(
        name="kubernetes-skips",
        sides=_kubernetes_skips,
        told=(
            "one to a release of 1.33, then `talosctl upgrade-k8s --to 1.34.1`",
            "Of 1.33 the site holds no images",
        ),
    ),
    Recorded(name="nothing", sides=_nothing, told=("Nothing changes",)),
)
"""What a reviewer has to judge, and what once was told wrongly.

Credentials and drift are seen by the engine alone.
"""


def recorded(name: str) -> Recorded:
    """Return a recorded change by name."""
    return next(each for each in RECORDED if each.name == name)


def report_of(change: Recorded) -> Report:
    """Return the report of a recorded change."""
    if change.sides is None:
        return _report_of_events(change.name)
    base, head = change.both()
    if not change.lacks:
        return compare(base.scene, head.scene, site=NAME, basis=BASIS, links=LINKS, today=TODAY)
    receipt = make_receipt(base.lock, change.lacks)
    drift = compare_held(receipt, base.lock)
    basis = BASIS.model_copy(update={"notes": (held_words(receipt, drift),)})
    return compare(
        base.scene, head.scene, site=NAME, basis=basis, links=LINKS, today=TODAY, drift=drift
    )


def make_receipt(lock: Lock, lacks: Mapping[str, str]) -> Receipt:
    """Return berlin's receipt of what a lock names; `lacks` are faults by item."""
    images = {key: HeldImage(digest=pin.digest) for key, pin in lock.images.items()}
    assets = {
        key: HeldAsset(sha256=pin.sha256, sha512=pin.sha512) for key, pin in lock.assets.items()
    }
    faults = {item: Altered(fault=fault) for item, fault in lacks.items()}
    return Receipt(
        site=NAME,
        lock=lock_digest(lock),
        made_at="2026-11-30T16:00:00Z",
        tool="0.0.0",
        checked="quick",
        images={key: faults.get(key, held) for key, held in images.items()},
        assets={key: faults.get(key, held) for key, held in assets.items()},
    )


def _report_of_events(name: str) -> Report:
    text = (EVENTS / f"{name}.ndjson").read_text(encoding="utf-8")
    lock = read_lock(EVENTS / f"{name}.lock.json")
    observed = read_events(text, site="airgap-basic", known=(lock,))
    head = "what is really there" if observed.kind == "refresh" else "what `up` would make"
    return compare(
        observed.base,
        observed.head,
        site="airgap-basic",
        basis=Basis(
            kind=observed.kind,
            base="the stack's state",
            head=head,
            notes=observed.notes,
            unfinished=observed.unfinished,
        ),
        links=LINKS,
        today=TODAY,
        more_objects=observed.objects,
        more_findings=observed.findings,
    )
