"""`pinned`: everything the site boots or pulls carries a digest.

The one thing that cannot is an installer image which the site's own factory makes at pull time:
it carries the mark `builtOnSite` with schematic ID and version, and the rule accepts exactly that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.values import Values, boot_assets, entries, part, text, texts

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check"]

NAME = "pinned"
SUMMARY = "Images carry a sha256 digest, boot assets a sha512."
REASON = (
    "A tag is whatever it points to at the moment of a pull: two machines of one class run "
    "different bytes, and the pull request showed neither."
)
REMEDY = "Run `python -m airgap lock <site>`, and commit the lock."

_IMAGE = re.compile(r"([^@\s]+@)?sha256:[0-9a-f]{64}\Z")
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}\Z")
_SHA512 = re.compile(r"(sha512:)?[0-9a-f]{128}\Z")
_SCHEMATIC_ID = re.compile(r"[0-9a-f]{64}\Z")
_VERSION = re.compile(r"v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?\Z")


def check(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a violation for each image and boot asset without the digest it must carry."""
    if kind == "ImageSet":
        yield from _check_images(values)
    elif kind in {"AssetSet", "AssetMirror"}:
        yield from _check_assets(values)
    elif kind == "SideroEnvironment":
        yield from _check_environments(values)
        yield from _check_installers(values)
    elif kind == "ImageFactory":
        yield from _check_schematics(values)
        yield from _check_deployment(values)


def _check_images(values: Values) -> Iterator[Violation]:
    images = part(values, "images")
    for repository in images:
        pins = texts(images, repository)
        if not pins or not all(_IMAGE.match(pin) for pin in pins):
            yield _unpinned(repository, f"image without a sha256 digest: {', '.join(pins)}")


def _check_assets(values: Values) -> Iterator[Violation]:
    for name, asset in entries(values, "assets"):
        if not _SHA512.match(text(asset, "sha512")):
            yield _unpinned(name, "boot asset without a sha512")


def _check_environments(values: Values) -> Iterator[Violation]:
    for name, environment in entries(values, "environments"):
        for kind, asset in boot_assets(environment):
            if not _SHA512.match(text(asset, "sha512")):
                yield _unpinned(name, f"its {kind} has no sha512")


def _check_installers(values: Values) -> Iterator[Violation]:
    for name, server_class in entries(values, "serverClasses"):
        installer = part(server_class, "installer")
        if not _SHA256.match(text(installer, "digest")) and not _is_built_on_site(installer):
            image = text(installer, "image") or "nothing"
            yield _unpinned(name, f"its installer has no digest: {image}")


def _is_built_on_site(installer: Values) -> bool:
    """Whether the mark is complete and is what the image's reference says."""
    mark = part(installer, "builtOnSite")
    schematic, version = text(mark, "schematicId"), text(mark, "version")
    well_formed = bool(_SCHEMATIC_ID.match(schematic)) and bool(_VERSION.match(version))
    return well_formed and text(installer, "image").endswith(f"/{schematic}:{version}")


def _check_schematics(values: Values) -> Iterator[Violation]:
    for name, schematic in entries(values, "schematics"):
        if not _SCHEMATIC_ID.match(text(schematic, "id")):
            yield _unpinned(name, "its schematic has no ID")


def _check_deployment(values: Values) -> Iterator[Violation]:
    """Yield the image of a factory that is delivered with the site, if it is only a tag."""
    image = text(part(values, "deployment"), "image")
    if "deployment" in values and not _IMAGE.match(image):
        yield _unpinned("image factory", f"its image has no digest: {image or 'nothing'}")


def _unpinned(subject: str, message: str) -> Violation:
    return Violation(subject=subject, message=message, remedy="run: python -m airgap lock <site>")
