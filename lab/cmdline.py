"""The kernel command line that an Image Factory makes: Talos' defaults and a schematic's own.

Image Factory v1.0.3 over Talos' imager of v1.13.0-alpha.1 (`pkg/imager`, machinery `kernel` and
`imager/quirks`, siderolabs/go-procfs): arguments of one key stand together, in the order in which
the keys came; a schematic's `console` and `talos.platform` replace, a `-key` takes away.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterable

from airgap.schematic import Schematic
from lab.profiles import Profile
from lab.semver import Version

__all__ = ["kernel_command_line"]

_METAL_CONSOLES = {"amd64": ("console=tty0",), "arm64": ("console=ttyAMA0", "console=tty0")}
_SERIAL_CONSOLES = ("console=ttyS0", "console=tty0")
_SERIAL_BEFORE = Version(1, 8)
_ALWAYS = (
    "init_on_alloc=1",
    "slab_nomerge=",
    "pti=on",
    "consoleblank=0",
    "nvme_core.io_timeout=4294967295",
    "printk.devkmsg=on",
)
_IMA = ("ima_template=ima-ng", "ima_appraise=fix", "ima_hash=sha512")
_IMA_BEFORE = Version(1, 11)
_SINCE = (
    (Version(1, 10), "selinux=1"),
    (Version(1, 12), "module.sig_enforce=1"),
    (Version(1, 13), "proc_mem.force_override=never"),
)
_SECUREBOOT = ("lockdown=confidentiality",)
_REPLACED = ("console", "talos.platform")
_META_VARIABLE = "INSTALLER_META_BASE64"
_META_GZIP_SINCE = Version(1, 6, 3)
_META_GZIP_FROM_BYTES = 257


def kernel_command_line(version: str, profile: Profile, schematic: Schematic) -> str:
    """Return the text of `cmdline-<platform>-<arch>` for a Talos version."""
    talos = Version.parse(version).release
    line = _Line()
    line.append([f"talos.platform={profile.platform}"])
    line.append(_consoles(talos, profile))
    line.append(_ALWAYS)
    line.append(_IMA if talos < _IMA_BEFORE else ())
    line.append(argument for since, argument in _SINCE if talos >= since)
    line.append(_SECUREBOOT if profile.secureboot else ())
    line.append(_meta(talos, schematic))
    line.customize(schematic.customization.extra_kernel_args)
    return line.text()


def _consoles(talos: Version, profile: Profile) -> Iterable[str]:
    if profile.platform != "metal":
        return ()
    if profile.arch == "amd64" and talos < _SERIAL_BEFORE:
        return _SERIAL_CONSOLES
    return _METAL_CONSOLES[profile.arch]


def _meta(talos: Version, schematic: Schematic) -> Iterable[str]:
    values = schematic.customization.meta
    if not values:
        return ()
    raw = ";".join(f"0x{value.key:x}={value.value}" for value in values).encode()
    if talos >= _META_GZIP_SINCE and len(raw) >= _META_GZIP_FROM_BYTES:
        raw = gzip.compress(raw, mtime=0)
    return (f"talos.environment={_META_VARIABLE}={base64.b64encode(raw).decode()}",)


class _Line:
    """Arguments by key; keys keep the order in which they came."""

    def __init__(self) -> None:
        self._values: dict[str, list[str]] = {}

    def append(self, arguments: Iterable[str]) -> None:
        for key, value in _split(arguments):
            self._values.setdefault(key, []).append(value)

    def customize(self, arguments: Iterable[str]) -> None:
        groups: dict[str, list[str]] = {}
        for key, value in _split(arguments):
            groups.setdefault(key, []).append(value)
        for key, values in groups.items():
            if len(key) > 1 and key.startswith("-"):
                self._delete(key[1:], values)
            elif key in _REPLACED:
                self._values[key] = values
            else:
                self._values.setdefault(key, []).extend(values)

    def _delete(self, key: str, values: list[str]) -> None:
        if values[0] == "":
            self._values.pop(key, None)
        elif key in self._values:
            self._values[key] = [each for each in self._values[key] if each not in values]

    def text(self) -> str:
        arguments = [
            f"{key}={value}" if value else key
            for key, values in self._values.items()
            for value in values
        ]
        return " ".join(arguments)


def _split(arguments: Iterable[str]) -> Iterable[tuple[str, str]]:
    for argument in " ".join(arguments).split():
        key, _, value = argument.partition("=")
        yield key, value
