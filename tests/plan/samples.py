"""A site and its lock by hand, small and whole, for tests of plan, rules, components, policies.

Real names of Talos v1.11.5 and v1.12.0 (`talosctl image default`, facts of both releases); digests
are made from the names, so that one look tells them apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from airgap.lock.model import AssetPin, FactoryOrigin, ImagePin, Inputs, Lock, SchematicPin
from airgap.oci.manifest import OCI_INDEX
from airgap.site.model import Site

__all__ = [
    "CA",
    "FACTORY_IMAGES",
    "IMAGES",
    "OTHER_CA",
    "SCHEMATIC",
    "SCHEMATIC_ID",
    "asset_pin",
    "differences",
    "image_pin",
    "made_assets",
    "make_lock",
    "make_site",
    "sha256",
    "sha512",
    "with_factory",
]

# PEM armour around known bytes: a fingerprint is the sha256 of exactly these bytes.
CA = "-----BEGIN CERTIFICATE-----\nc2l0ZSBDQQ==\n-----END CERTIFICATE-----\n"
OTHER_CA = "-----BEGIN CERTIFICATE-----\nb3RoZXIgQ0E=\n-----END CERTIFICATE-----\n"

# shared vectors (Image Factory's own golden IDs): the empty schematic.
SCHEMATIC = "customization: {}\n"
SCHEMATIC_ID = hashlib.sha256(SCHEMATIC.encode()).hexdigest()

_ENVIRONMENT = {"name": "talos-1-11-5-amd64", "talos": "v1.11.5"}


def sha256(text: str) -> str:
    """Return the digest of a text."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def sha512(text: str) -> str:
    """Return the sha512 of a text."""
    return "sha512:" + hashlib.sha512(text.encode()).hexdigest()


def image_pin(reference: str, need: str, *needed_by: str) -> ImagePin:
    """Return a pin for a reference."""
    return ImagePin.model_validate(
        {
            "digest": sha256(reference),
            "mediaType": OCI_INDEX,
            "size": 1000,
            "need": need,
            "neededBy": needed_by or ["a test"],
        }
    )


def asset_pin(name: str) -> AssetPin:
    """Return a pin for `<version>/<file>`."""
    return AssetPin(
        sha256=sha256(name),
        sha512=sha512(name),
        size=2000,
        url=f"https://github.com/siderolabs/talos/releases/download/{name}",
        needed_by=("a test",),
    )


IMAGES = {
    "ghcr.io/siderolabs/installer:v1.11.5": "talos",
    "registry.k8s.io/kube-apiserver:v1.34.1": "kubernetes",
    "registry.k8s.io/coredns/coredns:v1.12.4": "kubernetes",
    "gcr.io/etcd-development/etcd:v3.6.5": "kubernetes",
    "ghcr.io/siderolabs/kubelet:v1.34.1": "kubernetes",
    "docker.io/library/nginx:1.27.3": "workloads",
}


_FOR = "image factory for {talos}"
FACTORY_IMAGES = {
    "ghcr.io/siderolabs/imager:{talos}": ("talos", _FOR),
    "ghcr.io/siderolabs/installer-base:{talos}": ("talos", _FOR),
    "ghcr.io/siderolabs/extensions:{talos}": ("extensions", _FOR),
    "ghcr.io/siderolabs/overlays:{talos}": ("extensions", _FOR),
    "ghcr.io/siderolabs/iscsi-tools:v0.2.0": ("extensions", "server class workers"),
    "ghcr.io/siderolabs/image-factory:v1.5.0": ("factory", "image factory v1.5.0"),
    f"ghcr.io/siderolabs/imager:sha256-{'1' * 64}.sig": (
        "signatures",
        "signature of ghcr.io/siderolabs/imager:{talos}",
    ),
}
"""What a lock has for a factory (siderolabs/image-factory v1.5.0 `internal/artifacts`): need, and
why. The factory's own image is what runs, and nothing that it reads."""


def make_lock(
    *,
    images: Mapping[str, str] = IMAGES,
    talos: tuple[str, ...] = ("v1.11.5",),
    architectures: tuple[str, ...] = ("amd64",),
    schematics: Mapping[str, SchematicPin] | None = None,
) -> Lock:
    """Return a lock of these images (reference → need) and releases."""
    names = [
        f"{version}/{file}"
        for version in talos
        for architecture in architectures
        for file in (f"vmlinuz-{architecture}", f"initramfs-{architecture}.xz")
    ]
    return Lock(
        inputs=Inputs(talos=talos, sidero="v0.6.13"),
        images={reference: image_pin(reference, need) for reference, need in images.items()},
        assets={name: asset_pin(name) for name in names},
        schematics=dict(schematics or {}),
    )


def with_factory(lock: Lock, talos: str = "v1.11.5") -> Lock:
    """Return a lock with what a factory reads for a release: all that FACTORY_IMAGES names."""
    pins = {
        reference: image_pin(reference, need, reason.format(talos=talos))
        for name, (need, reason) in FACTORY_IMAGES.items()
        for reference in (name.format(talos=talos),)
    }
    inputs = lock.inputs.model_copy(update={"image_factory": "existing v1.5.0"})
    return lock.model_copy(update={"inputs": inputs, "images": {**lock.images, **pins}})


def made_assets(talos: str, schematic: str, *names: str, text: str = "") -> dict[str, AssetPin]:
    """Return pins of what a factory made of a schematic; `text` is that of a cmdline."""
    origin = FactoryOrigin(schematic=schematic, version="v1.5.0")
    return {
        key: asset_pin(key).model_copy(
            update={"made_by": origin, "text": text if name.startswith("cmdline-") else None}
        )
        for name in names
        for key in (f"{talos}/{schematic}/{name}",)
    }


def make_site(**changes: object) -> Site:
    """Return a site; `changes` replace top-level keys, in YAML's own names."""
    value: dict[str, object] = {
        "schemaVersion": 1,
        "talos": {"versions": ["v1.11.5"]},
        "kubernetes": {"versions": ["v1.34.1"]},
        "registry": {
            "kind": "existing",
            "endpoints": [{"url": "https://r.example:5000", "ca": CA}],
        },
        "assetMirror": {
            "kind": "directory",
            "url": "https://a.example/talos",
            "path": "/srv/talos",
            "ca": CA,
        },
        "sidero": {"version": "v0.6.13"},
        "environments": [_ENVIRONMENT],
        "serverClasses": [{"name": "workers", "environment": "talos-1-11-5-amd64"}],
        "nodes": {"timeServers": ["10.0.0.1"], "nameservers": ["10.0.0.2"]},
    }
    return Site.model_validate({**value, **changes})


def differences(old: object, new: object, at: str = "") -> dict[str, tuple[object, object]]:
    """Return what a key-by-key diff shows: path → (old, new), as the engine walks inputs."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        found: dict[str, tuple[object, object]] = {}
        for key in {**old, **new}:
            found |= differences(old.get(key), new.get(key), f"{at}.{key}" if at else str(key))
        return found
    if isinstance(old, list | tuple) and isinstance(new, list | tuple) and len(old) == len(new):
        found = {}
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            found |= differences(before, after, f"{at}[{index}]")
        return found
    return {} if old == new else {at: (old, new)}
