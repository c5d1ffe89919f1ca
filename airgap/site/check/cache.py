"""Image caches that cannot work: refused with the reason, and with what to choose instead.

Facts: PXE boots a kernel and an initramfs, and no volume of those holds a cache; Sidero's agent
wipes every disk that can be written to before a machine is handed out; stock Sidero boots no disk
image; a node never fetches a cache over HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.errors import Fault
from airgap.site.check.subject import Known, checks, fault
from airgap.site.model import Site

__all__ = ["CHECKS"]

_FILES = ("tar", "flat", "iso", "vfat")


def _check_images(site: Site, _: Known) -> Iterator[Fault]:
    """Refuse machines that find images nowhere."""
    if site.registry.kind != "none":
        return
    cache = site.image_cache
    choice = (
        "use registry.kind: existing or embedded, or give machines a medium "
        "(imageCache.medium: cd, a read-only virtual CD of `image-cache create --format iso`)"
    )
    if cache.medium == "none":
        message = (
            "kind none, and no image cache medium: PXE starts machines with kernel and "
            "initramfs alone, so that they find no image anywhere"
        )
        yield fault(("registry", "kind"), message, choice)
    if site.image_factory.kind != "none":
        message = (
            "kind none beside an Image Factory: its installers are made when machines pull "
            "them, and no medium can hold them"
        )
        hint = "use registry.kind: existing, or imageFactory.kind: none"
        yield fault(("registry", "kind"), message, hint)


def _check_medium(site: Site, _: Known) -> Iterator[Fault]:
    cache, at = site.image_cache, ("imageCache", "medium")
    if cache.medium != "none" and not cache.enabled:
        message = f"{cache.medium}, but machines do not look for an image cache"
        yield fault(at, message, "set imageCache.enabled: true")
    if cache.medium == "usb" and not cache.write_protected:
        message = (
            "a usb stick that can be written to: Sidero's agent wipes every such disk before "
            "the machine is handed out"
        )
        hint = (
            "use a read-only virtual cd (medium: cd), or a stick with a write-protect switch "
            "and writeProtected: true"
        )
        yield fault(at, message, hint)
    if cache.write_protected and cache.medium != "usb":
        message = f"it is said of a usb stick, and the medium is {cache.medium}"
        yield fault(("imageCache", "writeProtected"), message, "leave it out")


def _check_disk_image(site: Site, _: Known) -> Iterator[Fault]:
    if site.image_cache.medium != "diskImage":
        return
    if site.sidero.flavour == "stock":
        message = (
            "stock Sidero boots a kernel and an initramfs, never a disk image, and its agent "
            "wipes the disks first"
        )
        hint = "use medium: cd, or sidero.flavour: airgap whose Environment has a bootAsset"
        yield fault(("imageCache", "medium"), message, hint)
        return
    for index, environment in enumerate(site.environments):
        if environment.boot_asset is None:
            message = "missing: the cache is in a disk image, and this environment boots none"
            hint = (
                "name one, and its file as bootAssetFile: `image-cache profile` writes what "
                "makes it; leave medium: none until it is there"
            )
            yield fault(("environments", index, "bootAsset"), message, hint)
        elif environment.boot_asset_file is None:
            message = f"missing: the release's own {environment.boot_asset} holds no image cache"
            hint = "give imager's result: `image-cache profile` writes what makes it"
            yield fault(("environments", index, "bootAssetFile"), message, hint)


def _check_published(site: Site, _: Known) -> Iterator[Fault]:
    for index, form in enumerate(site.image_cache.publish):
        at = ("imageCache", "publish", index)
        if form in site.image_cache.publish[:index]:
            yield fault(at, f"{form} is there already", "name each once")
        if form == "image" and site.registry.kind != "existing":
            message = f"an image needs a registry that is written to, not kind {site.registry.kind}"
            yield fault(at, message, "use registry.kind: existing, or publish: [tar]")
        if form in _FILES and site.asset_mirror.kind == "embedded":
            message = (
                f"{form} is made from the store, and assetMirror.kind: embedded serves the "
                "store as it is"
            )
            hint = (
                "use assetMirror.kind: directory, or leave it out and make it by hand: "
                "`python -m airgap image-cache create <site>`"
            )
            yield fault(at, message, hint)


CHECKS = checks(
    (_check_images, "registry image_cache image_factory"),
    (_check_medium, "image_cache"),
    (_check_disk_image, "image_cache sidero environments"),
    (_check_published, "image_cache registry asset_mirror"),
)
