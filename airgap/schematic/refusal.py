"""What an Image Factory refuses: when a schematic is registered, and when something is built of it.

A factory checks little at `POST /schematics`: the shape, and who owns it. The rest fails with the
first machine that asks. Both are told here beforehand, with the fields' own paths.
Source: siderolabs/image-factory v0.8.4 to v1.5.0 (`pkg/schematic`, `internal/profile`), and the
imager of siderolabs/talos v1.11 to v1.14 that they are built with.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from airgap.errors import Fault, SiteError
from airgap.schematic.canonical import canonical_yaml, plain_schematic, strings_of
from airgap.schematic.decode import parse_schematic
from airgap.schematic.fields import used_fields
from airgap.schematic.model import Schematic
from airgap.schematic.outputs import Output
from airgap.schematic.releases import NEWEST_KNOWN, is_at_least

__all__ = ["EXTENSION_ALIASES", "check_build", "check_schematic"]

EXTENSION_ALIASES: Mapping[str, str] = {
    "siderolabs/v4l-uvc": "siderolabs/v4l-uvc-drivers",
    "siderolabs/usb-modem": "siderolabs/usb-modem-drivers",
    "siderolabs/gasket": "siderolabs/gasket-driver",
    "siderolabs/talos-vmtoolsd": "siderolabs/vmtoolsd-guest-agent",
    "siderolabs/xe-guest-utilities": "siderolabs/xen-guest-agent",
    "siderolabs/nvidia-container-toolkit": "siderolabs/nvidia-container-toolkit-lts",
    "siderolabs/nvidia-open-gpu-kernel-modules": "siderolabs/nvidia-open-gpu-kernel-modules-lts",
    "siderolabs/nonfree-kmod-nvidia": "siderolabs/nonfree-kmod-nvidia-lts",
    "siderolabs/nvidia-fabricmanager": "siderolabs/nvidia-fabric-manager-lts",
    "siderolabs/i915-ucode": "siderolabs/i915",
    "siderolabs/amdgpu-firmware": "siderolabs/amdgpu",
}
"""An earlier name → today's; the factory looks there when it has none of the very name."""

_TAB_IN_BLOCK = re.compile(r"^ *(?:- |.*: )\|[-+]?\n\n* +\t", re.MULTILINE)
"""A block whose first line of text begins with a tab: the factory's reader refuses it."""
_ENROLMENTS = ("off", "manual", "if-safe", "force")
_OWNER_REFUSED = "v1.4.0"
_SECURE_BOOT = "v1.5.0"


def check_schematic(schematic: Schematic, *, factory: str | None) -> tuple[Fault, ...]:
    """Return what a community build of that release refuses at `POST /schematics`.

    Args:
        schematic: What is to be registered.
        factory: The release; the newest known when not given.
    """
    return tuple(_refused(schematic, factory))


def _refused(schematic: Schematic, factory: str | None) -> Iterator[Fault]:
    release = factory or NEWEST_KNOWN
    for field, _ in used_fields(schematic):
        if not is_at_least(release, field.since):
            yield Fault(
                path=field.path,
                message=f"Image Factory {release} refuses it: it is known from {field.since} on",
                hint=f"use Image Factory {field.since} or later, or leave it out",
            )
        elif field.path == "owner" and is_at_least(release, _OWNER_REFUSED):
            yield Fault(
                path=field.path,
                message=f"Image Factory {release} refuses it: owners are Enterprise's",
                hint="leave it out",
            )


def check_build(
    schematic: Schematic,
    *,
    factory: str | None,
    talos: str | None,
    outputs: Collection[Output] = (),
    secure_boot: bool = True,
) -> tuple[Fault, ...]:
    """Return what is accepted when the schematic is registered and fails when it is built.

    Names of extensions and overlays are held against a release's catalogue elsewhere
    (`airgap.resolve.catalogue`).

    Args:
        schematic: What is built.
        factory: The factory's release; the newest known when not given.
        talos: The release it is built of; None: not known, so that nothing is too early for it.
        outputs: What is to be made.
        secure_boot: Whether the factory has SecureBoot keys.
    """
    return (
        *_too_early(schematic, talos),
        *_unreadable(schematic, factory),
        *_bad_keys(schematic),
        *_bad_boot(schematic, outputs),
        *_unsigned(outputs, talos, factory or NEWEST_KNOWN, secure_boot=secure_boot),
    )


def _too_early(schematic: Schematic, talos: str | None) -> Iterator[Fault]:
    for field, _ in used_fields(schematic):
        if field.talos and not is_at_least(talos, field.talos):
            yield Fault(
                path=field.path,
                message=f"Talos {talos} does not support it: it is built from {field.talos} on",
                hint=f"use Talos {field.talos} or later, or leave it out",
            )


def _unreadable(schematic: Schematic, factory: str | None) -> Iterator[Fault]:
    """What the factory writes down and cannot read back: some blocks of text, by its library."""
    text = canonical_yaml(schematic, factory=factory)
    try:
        if parse_schematic(text, factory=factory) == schematic and not _TAB_IN_BLOCK.search(text):
            return
    except SiteError:
        pass
    for path, value in strings_of(plain_schematic(schematic)):
        if "\n" in value and value[0] in " \t\n\u2028\u2029":
            release = factory or NEWEST_KNOWN
            yield Fault(
                path=path,
                message=f"Image Factory {release} stores it and cannot read it back as it was",
                hint="begin text of several lines with neither a space, a tab nor an empty line",
            )


def _bad_keys(schematic: Schematic) -> Iterator[Fault]:
    value = schematic.customization.secureboot.enroll_keys
    if value and value.lower() not in _ENROLMENTS:
        yield Fault(
            path="customization.secureboot.enrollKeys",
            message=f"{value!r} is registered as it is, and refused when SecureBoot is built",
            hint=f"use one of {', '.join(_ENROLMENTS)}",
        )


def _bad_boot(schematic: Schematic, outputs: Collection[Output]) -> Iterator[Fault]:
    """GRUB for BIOS, which dual-boot installs beside sd-boot, does not exist for arm64."""
    images = [each for each in outputs if each.kind == "disk image" and not each.secure_boot]
    if schematic.customization.bootloader != "dual-boot":
        return
    if any(each.architecture == "arm64" for each in images):
        yield Fault(
            path="customization.bootloader",
            message="dual-boot fails when a disk image for arm64 is built",
            hint="use sd-boot or grub",
        )


def _unsigned(
    outputs: Collection[Output], talos: str | None, factory: str, *, secure_boot: bool
) -> Iterator[Fault]:
    if not any(each.secure_boot for each in outputs):
        return
    if not secure_boot:
        yield Fault(
            path="customization.secureboot",
            message=f"Image Factory {factory} has no SecureBoot keys: it signs nothing",
            hint="give it keys (imageFactory.secureBoot: true says that it has them)",
        )
    if not is_at_least(talos, _SECURE_BOOT):
        yield Fault(
            path="customization.secureboot",
            message=f"Talos {talos} does not support SecureBoot: it does from {_SECURE_BOOT} on",
            hint=f"use Talos {_SECURE_BOOT} or later",
        )
