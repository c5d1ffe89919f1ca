"""Which keys an Image Factory of a version knows in a schematic, and its words for the others.

Image Factory v0.9.0 to v1.5.0, `pkg/schematic`: a decoder that refuses unknown fields names the Go
type that lacks them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import yaml

__all__ = ["unknown_fields"]

_ALWAYS = (0, 0, 0)
_Since = tuple[int, int, int]

_TYPES: Mapping[str, Mapping[str, tuple[_Since, str]]] = {
    "Schematic": {
        "owner": ((1, 2, 0), ""),
        "overlay": (_ALWAYS, "Overlay"),
        "customization": (_ALWAYS, "Customization"),
    },
    "Overlay": dict.fromkeys(("image", "name", "options"), (_ALWAYS, "")),
    "Customization": {
        "embeddedMachineConfiguration": ((1, 3, 3), ""),
        "extraKernelArgs": (_ALWAYS, ""),
        "meta": (_ALWAYS, "MetaValue"),
        "systemExtensions": (_ALWAYS, "SystemExtensions"),
        "bootloader": ((0, 9, 0), ""),
        "secureboot": (_ALWAYS, "SecureBootCustomization"),
        "diskImage": ((1, 3, 3), "DiskImageCustomization"),
    },
    "MetaValue": dict.fromkeys(("key", "value"), (_ALWAYS, "")),
    "SystemExtensions": {"officialExtensions": (_ALWAYS, "")},
    "SecureBootCustomization": {
        "enrollKeys": ((1, 4, 0), ""),
        "includeWellKnownCertificates": (_ALWAYS, ""),
    },
    "DiskImageCustomization": {"sectorSize": (_ALWAYS, "")},
}
"""Go type → key → the release that brought it, and the type of what is in it."""


def unknown_fields(
    node: yaml.Node, version: tuple[int, ...], type_name: str = "Schematic"
) -> Iterator[str]:
    """Yield a line for each key that a factory of that version does not know."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from unknown_fields(item, version, type_name)
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        since, inner = _TYPES[type_name].get(key.value, (None, ""))
        if since is None or version < since:
            where = f"line {key.start_mark.line + 1}"
            yield f"{where}: field {key.value} not found in type schematic.{type_name}"
        elif inner:
            yield from unknown_fields(value, version, inner)
