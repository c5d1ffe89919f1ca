"""A schematic: what an Image Factory builds into boot assets and installer images.

The fields of siderolabs/image-factory v1.5.0 `pkg/schematic`, in its order, which is the order of
the canonical text. A schematic knows no version, architecture or platform, and no image cache.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

__all__ = [
    "Bootloader",
    "Customization",
    "DiskImage",
    "MetaValue",
    "Overlay",
    "Schematic",
    "SecureBoot",
    "SystemExtensions",
]

Bootloader = Literal["none", "dual-boot", "sd-boot", "grub"]


class _Part(BaseModel):
    """A part of a schematic: frozen, no unknown keys, nothing coerced, camelCase in YAML."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True
    )


class Overlay(_Part):
    """A single-board computer's overlay; the factory looks it up by `name` alone."""

    image: str = ""
    name: str = ""
    options: dict[str, JsonValue] = Field(default_factory=dict)


class MetaValue(_Part):
    """A value written to the META partition of a disk image."""

    key: Annotated[int, Field(ge=0, le=255)] = 0
    value: str = ""


class SystemExtensions(_Part):
    """Extensions by repository path (`siderolabs/iscsi-tools`), in the author's order."""

    official_extensions: tuple[str, ...] = ()


class SecureBoot(_Part):
    """How SecureBoot keys are enrolled."""

    enroll_keys: str = ""
    include_well_known_certificates: bool = False


class DiskImage(_Part):
    """Properties of disk images."""

    sector_size: Annotated[int, Field(ge=0, lt=2**64)] = 0


class Customization(_Part):
    """What differs from a stock release."""

    embedded_machine_configuration: str = ""
    extra_kernel_args: tuple[str, ...] = ()
    meta: tuple[MetaValue, ...] = ()
    system_extensions: SystemExtensions = SystemExtensions()
    bootloader: Bootloader = "none"
    secureboot: SecureBoot = SecureBoot()
    disk_image: DiskImage = DiskImage()


class Schematic(_Part):
    """A schematic, whole."""

    owner: str = ""
    overlay: Overlay = Overlay()
    customization: Customization = Customization()
