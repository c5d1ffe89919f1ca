"""What changes of a site's own text and is told by nothing else: where bytes come from, how they
are moved, what is believed on the way.

A key stands here unless `TOLD` names it, so that one that is new to the site is never lost: at
worst it is told twice. Where nothing else changes, those stand here as well: then an edit had no
effect (a host allowed that was so already), and to say that nothing changes would be untrue.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from airgap.oci.reference import parse_reference
from airgap.plan.trust import fingerprint
from airgap.report.keys import Path, compare_keys, flatten
from airgap.report.model import ImageChange, KeyChange
from airgap.site.model import Site

__all__ = ["TOLD", "compare_sites"]

_ANY = "*"
TOLD = tuple(
    tuple(key.split("."))
    for key in (
        "talos.versions", "kubernetes.versions", "architectures",
        "registry.kind", "registry.endpoints.*.url", "registry.endpoints.*.ca",
        "registry.pathPrefix", "registry.layout", "registry.mirrors", "registry.nodeAuth",
        "assetMirror.kind", "assetMirror.url", "assetMirror.path", "assetMirror.ca",
        "imageFactory.kind", "imageFactory.version", "imageFactory.endpoint",
        "imageFactory.installer", "imageFactory.registry.url", "imageFactory.registry.ca",
        "imageFactory.ca", "imageFactory.verification.publicKey",
        "sidero.version", "sidero.flavour", "sidero.namespace", "sidero.delivery",
        "sidero.assetLink", "sidero.controllerTrust",
        "environments.*.talos", "environments.*.architecture", "environments.*.extraKernelArgs",
        "environments.*.schematicOf",
        "serverClasses.*.environment", "serverClasses.*.qualifiers", "serverClasses.*.selector",
        "serverClasses.*.extensions", "serverClasses.*.extraKernelArgs",
        "serverClasses.*.overlay", "serverClasses.*.meta", "serverClasses.*.bootloader",
        "nodes", "signatures.require", "signatures.releases", "retention", "policy",
    )
)  # fmt: skip
"""What the plan carries whatever else the site says, or the lock's schematics do."""
_LONGEST = 200
_CERTIFICATE = "-----BEGIN CERTIFICATE"


def compare_sites(
    base: Site | None, head: Site | None, images: Sequence[ImageChange], *, is_alone: bool
) -> tuple[KeyChange, ...]:
    """Return the keys that differ and that nothing else tells of.

    A site that comes or goes has none: it is told of whole.

    Args:
        base: The site before; None where it was not, or is not known.
        head: The site after.
        images: Those that change: whoever reads of one need not read that the site names it.
        is_alone: Whether nothing else changes.
    """
    if base is None or head is None:
        return ()
    named = {
        f"{image.repository}:{pin.tag}" if pin.tag else f"{image.repository}@{pin.digest}"
        for image in images
        for pin in (*image.old, *image.new)
    }
    old, new = (_values(site, named) for site in (base, head))
    stated = {
        path
        for site in (base, head)
        for path, _ in flatten(site.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    }
    return compare_keys(
        old, new, when=lambda path: path in stated and (is_alone or not _is_told(path))
    )


def _values(site: Site, named: set[str]) -> Mapping[str, object]:
    """Return a site as its author writes it; without what is only found in its manifests."""
    tree = site.model_dump(mode="json", by_alias=True, exclude_none=True)
    tree["manifests"] = [manifest.path for manifest in site.manifests]
    tree["images"] = [text for text in site.images if _key(text) not in named]
    return {key: _short(value) for key, value in tree.items()}


def _key(text: str) -> str:
    reference = parse_reference(text)
    if reference.tag:
        return f"{reference.name}:{reference.tag}"
    return f"{reference.name}@{reference.digest}"


def _short(value: object) -> object:
    """Return a value whose texts of a file's size stand as their digests."""
    if isinstance(value, Mapping):
        return {key: _short(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_short(inner) for inner in value]
    if not isinstance(value, str) or ("\n" not in value and len(value) <= _LONGEST):
        return value
    found = fingerprint(value) if _CERTIFICATE in value else ""
    return found or f"sha256:{hashlib.sha256(value.encode()).hexdigest()}"


def _is_told(path: Path) -> bool:
    return any(
        len(path) >= len(told)
        and all(step in (_ANY, here) for step, here in zip(told, path, strict=False))
        for told in TOLD
    )
