"""Every field of a schematic: its type, the release that brought it, and what carries it.

Read from siderolabs/image-factory `pkg/schematic` and `internal/profile` at its tags v0.1.0 to
v1.5.0, and from the imager of the Talos releases these were built with. A field that an output does
not carry is ignored there without a word: hence the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from airgap.schematic.canonical import plain_schematic
from airgap.schematic.model import Schematic
from airgap.schematic.outputs import Output, OutputKind
from airgap.schematic.releases import is_at_least, release_key

__all__ = [
    "FIELDS",
    "Field",
    "carries",
    "enrols",
    "find_field",
    "first_release",
    "used_fields",
]

_REBUILT: tuple[OutputKind, ...] = ("initramfs", "installer", "UKI", "ISO", "disk image")
_OVERLAID: tuple[OutputKind, ...] = ("installer", "UKI", "ISO", "disk image")
_BOOTED: tuple[OutputKind, ...] = ("cmdline", "ISO", "disk image")
_WRITTEN: tuple[OutputKind, ...] = ("ISO", "disk image")
_FIRST = "v0.1.0"
_ARGS_IN_INSTALLER = "v1.10.0"
_BOOTLOADER_IN_ISO = "v1.12.0"
_KEYS_IN_DISK_IMAGE = "v1.3.3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a schematic.

    Attributes:
        path: Where it stands, with dots.
        type: What it holds, in words.
        since: The Image Factory that brought it; earlier ones refuse it (400).
        talos: The least Talos release it can be built for; empty: any.
        carried_by: The outputs that it changes, some of them under conditions (see `carries`).
        meaning: What it does.
    """

    path: str
    type: str
    since: str
    talos: str = ""
    carried_by: tuple[OutputKind, ...]
    meaning: str


FIELDS: tuple[Field, ...] = (
    Field(
        path="owner",
        type="text",
        since="v1.2.0",
        carried_by=(),
        meaning="who may use it; Enterprise only, refused by community builds from v1.4.0",
    ),
    Field(
        path="overlay.image",
        type="text",
        since="v0.3.0",
        talos="v1.7.0",
        carried_by=(),
        meaning="a part of the ID and nothing else: overlays are found by their name",
    ),
    Field(
        path="overlay.name",
        type="text",
        since="v0.3.0",
        talos="v1.7.0",
        carried_by=_OVERLAID,
        meaning="the overlay of a single-board computer",
    ),
    Field(
        path="overlay.options",
        type="mapping",
        since="v0.3.0",
        talos="v1.7.0",
        carried_by=_OVERLAID,
        meaning="what the overlay's own installer understands; keys are sorted",
    ),
    Field(
        path="customization.embeddedMachineConfiguration",
        type="text",
        since="v1.3.3",
        talos="v1.12.0",
        carried_by=_REBUILT,
        meaning="a machine configuration inside the image",
    ),
    Field(
        path="customization.extraKernelArgs",
        type="list of text",
        since="v0.1.0",
        carried_by=("cmdline", "installer", "UKI", "ISO", "disk image"),
        meaning="kernel arguments; in installer and UKI from Talos v1.10.0, or with SecureBoot",
    ),
    Field(
        path="customization.meta",
        type="list of {key: 0-255, value: text}",
        since="v0.1.0",
        carried_by=_BOOTED,
        meaning="values of the META partition; through the kernel arguments but in disk images",
    ),
    Field(
        path="customization.systemExtensions.officialExtensions",
        type="list of text",
        since="v0.1.0",
        carried_by=_REBUILT,
        meaning="system extensions, by name, in order",
    ),
    Field(
        path="customization.bootloader",
        type="none, dual-boot, sd-boot or grub",
        since="v0.9.0",
        carried_by=_WRITTEN,
        meaning="the boot loader; in ISOs from Talos v1.12.0; SecureBoot has sd-boot always",
    ),
    Field(
        path="customization.secureboot.enrollKeys",
        type="off, manual, if-safe or force",
        since="v1.4.0",
        carried_by=_WRITTEN,
        meaning="when SecureBoot keys are enrolled; in SecureBoot files only",
    ),
    Field(
        path="customization.secureboot.includeWellKnownCertificates",
        type="true or false",
        since="v0.5.0",
        carried_by=_WRITTEN,
        meaning="enrols the vendors' certificates too; in SecureBoot files only",
    ),
    Field(
        path="customization.diskImage.sectorSize",
        type="bytes",
        since="v1.3.3",
        carried_by=("disk image",),
        meaning="the sector size; 512 when left out",
    ),
)
"""In the order of the canonical text."""

_BY_PATH: Mapping[str, Field] = {field.path: field for field in FIELDS}


def find_field(path: str) -> Field | None:
    """Return the field at a path; None for a part that only holds others."""
    return _BY_PATH.get(path)


def first_release(key: str) -> str:
    """Return the Image Factory that brought a key, `secureboot` as well as `enrollKeys`."""
    releases = [field.since for field in FIELDS if key in field.path.split(".")]
    return min(releases or [_FIRST], key=release_key)


def used_fields(schematic: Schematic) -> tuple[tuple[Field, JsonValue], ...]:
    """Return the fields a schematic has, with their plain values, in the canonical order."""
    return tuple(_used(plain_schematic(schematic), ""))


def _used(tree: Mapping[str, JsonValue], prefix: str) -> Iterator[tuple[Field, JsonValue]]:
    for key, value in tree.items():
        field = _BY_PATH.get(prefix + key)
        if field is not None:
            yield field, value
        elif isinstance(value, dict):
            yield from _used(value, f"{prefix}{key}.")


def carries(
    output: Output,
    path: str,
    *,
    talos: str,
    factory: str | None = None,
    has_overlay: bool = False,
) -> bool:
    """Tell whether what a field says is in what the factory makes.

    Args:
        output: What is made.
        path: The field's, as in `FIELDS`.
        talos: The Talos release it is made of.
        factory: The factory's release; the newest known when not given.
        has_overlay: Whether the schematic has an overlay.
    """
    field = _BY_PATH[path]
    if output.kind not in field.carried_by or not is_at_least(factory, field.since):
        return False
    if path == "customization.extraKernelArgs" and output.kind in ("installer", "UKI"):
        in_time = output.secure_boot or is_at_least(talos, _ARGS_IN_INSTALLER)
        return in_time and not (has_overlay and _drops_overlay_args(factory))
    if path == "customization.bootloader":
        in_time = output.kind == "disk image" or is_at_least(talos, _BOOTLOADER_IN_ISO)
        return in_time and not output.secure_boot
    if path.startswith("customization.secureboot."):
        return output.secure_boot and enrols(output, factory=factory)
    return True


def enrols(output: Output, *, factory: str | None = None) -> bool:
    """Tell whether a file of the factory brings SecureBoot keys into a machine's firmware."""
    if not output.secure_boot:
        return False
    newer = is_at_least(factory, _KEYS_IN_DISK_IMAGE)
    return output.kind == "ISO" or (output.kind == "disk image" and newer)


def _drops_overlay_args(factory: str | None) -> bool:
    """v0.9 leaves kernel arguments out of installers with an overlay; others do not."""
    return is_at_least(factory, "v0.9.0") and not is_at_least(factory, "v1.0.0")
