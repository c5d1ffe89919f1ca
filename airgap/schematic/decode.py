"""Read a schematic's text as an Image Factory reads the body of `POST /schematics`.

YAML (JSON is a part of it), the first document only, unknown keys refused, scalars typed by the
field they stand in: an unquoted `1` is the text "1" where text is expected, and no boolean or
number is taken from quotes. All faults at once. Merge keys, tags other than text and timestamps in
`overlay.options` are refused here: write the value out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import yaml
from pydantic import JsonValue

from airgap.errors import Fault, SiteError
from airgap.schematic.engine import Engine, engine_of
from airgap.schematic.fields import first_release
from airgap.schematic.model import (
    Bootloader,
    Customization,
    DiskImage,
    MetaValue,
    Overlay,
    Schematic,
    SecureBoot,
    SystemExtensions,
)
from airgap.schematic.releases import is_at_least
from airgap.schematic.scalars import read_int, resolve

__all__ = ["parse_schematic"]

_MAX_DEPTH = 32
_MAX_VALUES = 10_000
"""Aliases inside `overlay.options` could otherwise multiply without end."""
_MAX_KEY_BYTES = 128
_BREAK = re.compile("[\n\r\x85\u2028\u2029]")
_TEXT_TAG = "tag:yaml.org,2002:str"
_BOOTLOADERS: Mapping[str, Bootloader] = {
    "none": "none",
    "dual-boot": "dual-boot",
    "sd-boot": "sd-boot",
    "grub": "grub",
}


def parse_schematic(
    text: str, *, factory: str | None = None, path: str = "", of_its_time: bool = False
) -> Schematic:
    """Read a schematic from YAML or JSON.

    Args:
        text: The document; of several only the first counts, as in the factory.
        factory: The Image Factory's version; the newest known when not given.
        path: Prefix for the paths of faults.
        of_its_time: Whether keys that the factory's version does not know yet are refused, as it
            does refuse them; else they are read.

    Raises:
        SiteError: No YAML, no document, an unknown key, or a value of the wrong type.
    """
    reader = _Reader(engine_of(factory), factory if of_its_time else None)
    node = _compose(text, path)
    schematic = reader.schematic(node, path)
    if reader.faults:
        raise SiteError("schematic", reader.faults)
    return schematic


def _compose(text: str, path: str) -> yaml.Node:
    loader = yaml.BaseLoader(text)
    try:
        node = loader.get_node() if loader.check_node() else None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        message = " ".join(str(error).split())
        raise SiteError(
            "schematic", [Fault(path=path or "text", message=f"no YAML: {message}")]
        ) from None
    finally:
        loader.dispose()
    if node is None:
        raise SiteError("schematic", [Fault(path=path or "text", message="the document is empty")])
    return node


class _Reader:
    """Walks the nodes of one document and collects what is wrong."""

    def __init__(self, engine: Engine, knowing: str | None) -> None:
        self.faults: list[Fault] = []
        self._engine = engine
        self._knowing = knowing
        self._values = 0

    def schematic(self, node: yaml.Node, path: str) -> Schematic:
        fields = self._fields(node, path, ("owner", "overlay", "customization"))
        return Schematic(
            owner=self._text(fields, "owner"),
            overlay=self._overlay(fields),
            customization=self._customization(fields),
        )

    def _overlay(self, parent: _Fields) -> Overlay:
        fields = self._part(parent, "overlay", ("image", "name", "options"))
        options: JsonValue = None
        if "options" in fields.nodes:
            options = self._value(*fields.at("options"))
        if options is not None and not isinstance(options, dict):
            self._refuse(fields.path_of("options"), "expected a mapping")
        return Overlay(
            image=self._text(fields, "image"),
            name=self._text(fields, "name"),
            options=options if isinstance(options, dict) else {},
        )

    def _customization(self, parent: _Fields) -> Customization:
        names = (
            "embeddedMachineConfiguration",
            "extraKernelArgs",
            "meta",
            "systemExtensions",
            "bootloader",
            "secureboot",
            "diskImage",
        )
        fields = self._part(parent, "customization", names)
        extensions = self._part(fields, "systemExtensions", ("officialExtensions",))
        return Customization(
            embedded_machine_configuration=self._text(fields, "embeddedMachineConfiguration"),
            extra_kernel_args=self._texts(fields, "extraKernelArgs"),
            meta=tuple(self._meta(*item) for item in self._items(fields, "meta")),
            system_extensions=SystemExtensions(
                official_extensions=self._texts(extensions, "officialExtensions")
            ),
            bootloader=self._bootloader(fields),
            secureboot=self._secureboot(fields),
            disk_image=self._disk_image(fields),
        )

    def _meta(self, node: yaml.Node, path: str) -> MetaValue:
        fields = self._fields(node, path, ("key", "value"))
        return MetaValue(key=self._integer(fields, "key", 255), value=self._text(fields, "value"))

    def _secureboot(self, parent: _Fields) -> SecureBoot:
        fields = self._part(parent, "secureboot", ("enrollKeys", "includeWellKnownCertificates"))
        return SecureBoot(
            enroll_keys=self._text(fields, "enrollKeys"),
            include_well_known_certificates=self._boolean(fields, "includeWellKnownCertificates"),
        )

    def _disk_image(self, parent: _Fields) -> DiskImage:
        fields = self._part(parent, "diskImage", ("sectorSize",))
        return DiskImage(sector_size=self._integer(fields, "sectorSize", 2**64 - 1))

    def _bootloader(self, fields: _Fields) -> Bootloader:
        if _is_absent(fields, "bootloader"):
            return "none"
        text = self._text(fields, "bootloader")
        if text.lower() not in _BOOTLOADERS:
            known = ", ".join(_BOOTLOADERS)
            hint = "leave it out for the factory's choice"
            self._refuse(fields.path_of("bootloader"), f"{text!r} is none of {known}", hint)
        return _BOOTLOADERS.get(text.lower(), "none")

    def _part(self, parent: _Fields, name: str, names: tuple[str, ...]) -> _Fields:
        if name not in parent.nodes:
            return _Fields({}, parent.path_of(name))
        return self._fields(*parent.at(name), names)

    def _fields(self, node: yaml.Node, path: str, names: tuple[str, ...]) -> _Fields:
        if _is_null(node):
            return _Fields({}, path)
        nodes = self._entries(node, path)
        for name in nodes:
            where = f"{path}.{name}" if path else name
            if name not in names:
                self._refuse(where, "unknown key", f"expected one of {', '.join(names)}")
            elif not is_at_least(self._knowing, since := first_release(name)):
                hint = f"Image Factory {since} brought it; leave it out for {self._knowing}"
                self._refuse(where, "unknown key", hint)
        return _Fields(nodes, path)

    def _entries(self, node: yaml.Node, path: str) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self._refuse(path, "expected a mapping")
            return {}
        nodes: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name is None or not _is_simple(name) or (name == "<<" and not key.style):
                self._refuse(path, "a key is no short text on one line, or a merge key")
            elif name in nodes:
                self._refuse(f"{path}.{name}" if path else name, "the key stands here twice")
            else:
                nodes[name] = value
        return nodes

    def _items(self, fields: _Fields, name: str) -> list[tuple[yaml.Node, str]]:
        if _is_absent(fields, name):
            return []
        node, path = fields.at(name)
        if not isinstance(node, yaml.SequenceNode):
            self._refuse(path, "expected a list")
            return []
        # A null item vanishes, as it does in the factory.
        return [
            (item, f"{path}[{place}]")
            for place, item in enumerate(node.value)
            if not _is_null(item)
        ]

    def _texts(self, fields: _Fields, name: str) -> tuple[str, ...]:
        return tuple(self._scalar_text(*item) for item in self._items(fields, name))

    def _text(self, fields: _Fields, name: str) -> str:
        return "" if _is_absent(fields, name) else self._scalar_text(*fields.at(name))

    def _scalar_text(self, node: yaml.Node, path: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag != _TEXT_TAG:
            self._refuse(path, "expected text")
            return ""
        text = str(node.value)
        stamp = node.style is None and resolve(text) == "timestamp"
        if stamp and self._engine >= Engine.V4_RC6:
            self._refuse(path, f"{text} is a timestamp and no text", "put it in quotes")
        return self._checked(text, path)

    def _checked(self, text: str, path: str) -> str:
        if any("\ud800" <= character <= "\udfff" for character in text):
            self._refuse(path, "half of a surrogate pair is no character", "write it as UTF-8")
            return ""
        return text

    def _integer(self, fields: _Fields, name: str, highest: int) -> int:
        if _is_absent(fields, name):
            return 0
        node, path = fields.at(name)
        plain = isinstance(node, yaml.ScalarNode) and node.style is None
        value = read_int(node.value) if plain else None
        if value is None or not 0 <= value <= highest:
            self._refuse(path, f"expected a whole number from 0 to {highest}, without quotes")
            return 0
        return value

    def _boolean(self, fields: _Fields, name: str) -> bool:
        if _is_absent(fields, name):
            return False
        node, path = fields.at(name)
        plain = isinstance(node, yaml.ScalarNode) and node.style is None
        if not plain or resolve(node.value) != "bool":
            self._refuse(path, "expected true or false, without quotes")
            return False
        return str(node.value).lower() == "true"

    def _value(self, node: yaml.Node, path: str, depth: int = 0) -> JsonValue:
        """Read a value of any type, as `overlay.options` holds them."""
        self._values += 1
        if depth > _MAX_DEPTH or self._values > _MAX_VALUES:
            if self._values <= _MAX_VALUES + 1:
                limits = f"{_MAX_DEPTH} levels or {_MAX_VALUES} values"
                self._refuse(path, f"the options have more than {limits}")
            return None
        if isinstance(node, yaml.MappingNode):
            entries = self._entries(node, path).items()
            return {
                name: self._value(value, f"{path}.{name}", depth + 1) for name, value in entries
            }
        if isinstance(node, yaml.SequenceNode):
            return [
                self._value(item, f"{path}[{place}]", depth + 1)
                for place, item in enumerate(node.value)
            ]
        return self._scalar(node, path)

    def _scalar(self, node: yaml.Node, path: str) -> JsonValue:
        text = str(node.value)
        if node.tag != _TEXT_TAG:
            self._refuse(path, f"the tag {node.tag} is not supported", "write the value without it")
            return None
        kind = resolve(text) if getattr(node, "style", None) is None else "string"
        if kind == "timestamp":
            self._refuse(path, f"{text} would become a timestamp", "put it in quotes")
            return None
        return self._checked(text, path) if kind == "string" else _READERS[kind](text)

    def _refuse(self, path: str, message: str, hint: str = "") -> None:
        self.faults.append(Fault(path=path or "text", message=message, hint=hint))


class _Fields:
    """The nodes of a mapping by key, and where it stands."""

    def __init__(self, nodes: Mapping[str, yaml.Node], path: str) -> None:
        self.nodes = nodes
        self._path = path

    def path_of(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def at(self, name: str) -> tuple[yaml.Node, str]:
        return self.nodes[name], self.path_of(name)


def _is_simple(key: str) -> bool:
    """Tell whether a key is written before a colon, and not after a question mark."""
    return not _BREAK.search(key) and len(key.encode(errors="replace")) <= _MAX_KEY_BYTES


def _is_absent(fields: _Fields, name: str) -> bool:
    return name not in fields.nodes or _is_null(fields.nodes[name])


def _is_null(node: yaml.Node) -> bool:
    plain = isinstance(node, yaml.ScalarNode) and node.style is None
    return plain and resolve(node.value) == "null"


def _read_float(text: str) -> float:
    return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))


_READERS: Mapping[str, Callable[[str], JsonValue]] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": read_int,
    "float": _read_float,
}
