"""What an Image Factory makes, by file name: `metal-amd64.iso`, `kernel-amd64`, ….

Names: siderolabs/image-factory v1.5.0 `internal/profile`. A name that nothing is read from here is
one that a factory answers with 400.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

__all__ = ["Output", "OutputKind", "read_output"]

OutputKind = Literal["kernel", "initramfs", "cmdline", "installer", "UKI", "ISO", "disk image"]

_PLATFORM = r"(?P<platform>digital-ocean|[a-z0-9]+)"
_ARCHITECTURE = r"(?P<architecture>amd64|arm64)"
_SIGNED = r"(?P<signed>-secureboot)?"
_NAMES: tuple[tuple[OutputKind, re.Pattern[str]], ...] = (
    ("kernel", re.compile(rf"kernel-{_ARCHITECTURE}")),
    ("cmdline", re.compile(rf"cmdline-{_PLATFORM}-{_ARCHITECTURE}{_SIGNED}")),
    ("initramfs", re.compile(rf"initramfs-{_ARCHITECTURE}\.xz")),
    ("ISO", re.compile(rf"{_PLATFORM}-{_ARCHITECTURE}{_SIGNED}\.iso")),
    ("UKI", re.compile(rf"{_PLATFORM}-{_ARCHITECTURE}{_SIGNED}-uki\.efi")),
    ("installer", re.compile(rf"(?:{_PLATFORM}-)?installer-{_ARCHITECTURE}{_SIGNED}\.tar")),
    (
        "disk image",
        re.compile(
            rf"{_PLATFORM}-{_ARCHITECTURE}{_SIGNED}\.(?:raw|qcow2|vhd|ova)(?:\.tar\.gz|\.gz|\.xz|\.zst)?"
        ),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One thing that a factory makes of a schematic.

    Attributes:
        kind: What it is.
        architecture: `amd64` or `arm64`.
        platform: `metal` where the name says none.
        secure_boot: Whether it is signed for SecureBoot.
    """

    kind: OutputKind
    architecture: str
    platform: str = "metal"
    secure_boot: bool = False


def read_output(name: str) -> Output | None:
    """Return what the factory makes under a file name; None when it makes nothing of that name."""
    for kind, pattern in _NAMES:
        match = pattern.fullmatch(name)
        if match is not None:
            found = match.groupdict()
            return Output(
                kind=kind,
                architecture=str(found["architecture"]),
                platform=found.get("platform") or "metal",
                secure_boot=found.get("signed") is not None,
            )
    return None
