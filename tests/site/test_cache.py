"""Image caches that cannot work are refused, with the place, the reason and what to choose.

Source of each reason: facts (sidero-talos.md), "Traps" 1 to 3 and "Image cache format".
"""

from __future__ import annotations

import pytest

from tests.site.documents import Raw, changed, faults_of

__all__: list[str] = []

Edit = tuple[tuple[str | int, ...], object]
NO_REGISTRY: Edit = (("registry",), {"kind": "none"})
ENABLED: Edit = (("imageCache", "enabled"), True)
CD: Edit = (("imageCache", "medium"), "cd")
USB: Edit = (("imageCache", "medium"), "usb")
PROTECTED: Edit = (("imageCache", "writeProtected"), True)
DISK: Edit = (("imageCache", "medium"), "diskImage")
FORK: Edit = (("sidero", "flavour"), "airgap")
BOOT_ASSET: Edit = (("environments", 0, "bootAsset"), "metal-amd64.raw.zst")
EMBEDDED_MIRROR: Edit = (("assetMirror",), {"kind": "embedded", "url": "https://a.example/talos"})


def _published(*forms: str) -> Edit:
    return ("imageCache", "publish"), list(forms)


def _at(place: str, site: Raw) -> list[str]:
    """Return the faults at a place, as a person reads them."""
    return [
        f"{fault.message} → {fault.hint}"
        for fault in faults_of(site)
        if fault.path == f"site.{place}"
    ]


@pytest.mark.parametrize(
    ("edits", "place", "why", "choice"),
    [
        ([NO_REGISTRY], "registry.kind", "kernel and initramfs alone", "medium: cd"),
        ([CD], "imageCache.medium", "do not look for an image cache", "enabled: true"),
        ([USB, ENABLED], "imageCache.medium", "wipes every such disk", "read-only virtual cd"),
        ([DISK, ENABLED], "imageCache.medium", "never a disk image", "flavour: airgap"),
        (
            [DISK, ENABLED, FORK],
            "environments[0].bootAsset",
            "boots none",
            "image-cache profile",
        ),
        (
            [DISK, ENABLED, FORK, BOOT_ASSET],
            "environments[0].bootAssetFile",
            "holds no image cache",
            "image-cache profile",
        ),
        (
            [CD, ENABLED, PROTECTED],
            "imageCache.writeProtected",
            "the medium is cd",
            "leave it out",
        ),
        (
            [NO_REGISTRY, CD, ENABLED, _published("image")],
            "imageCache.publish[0]",
            "needs a registry that is written to",
            "registry.kind: existing",
        ),
        (
            [EMBEDDED_MIRROR, _published("tar")],
            "imageCache.publish[0]",
            "serves the store as it is",
            "kind: directory",
        ),
        ([_published("iso", "iso")], "imageCache.publish[1]", "there already", "once"),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason_and_the_choice(
    edits: list[Edit], place: str, why: str, choice: str
) -> None:
    (sentence,) = _at(place, changed(*edits))
    reason, _, hint = sentence.partition(" → ")
    assert why in reason
    assert choice in hint


def test_a_factory_without_a_registry_is_refused() -> None:
    factory = {
        "kind": "existing",
        "version": "v1.5.0",
        "endpoint": "https://factory.example",
        "registry": "r.example:5000",
    }
    site = changed(NO_REGISTRY, CD, ENABLED, (("imageFactory",), factory))
    assert any("made when machines pull" in sentence for sentence in _at("registry.kind", site))


@pytest.mark.parametrize(
    "edits",
    [
        [ENABLED],
        [ENABLED, CD],
        [ENABLED, USB, PROTECTED],
        [ENABLED, CD, NO_REGISTRY],
        [ENABLED, USB, PROTECTED, NO_REGISTRY],
        [ENABLED, CD, _published("tar", "flat", "iso", "vfat", "image")],
        [_published("tar")],
    ],
)
def test_what_can_work_is_accepted(edits: list[Edit]) -> None:
    assert faults_of(changed(*edits)) == ()
