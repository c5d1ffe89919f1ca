"""YAML 1.1 as Kubernetes and Talos read it: the same value gives the same bytes, everywhere.

Mappings are sorted, since they lose their order on the way through the engine, except that an
object begins as people expect (`apiVersion, kind, metadata, spec`). Nothing is wrapped, no anchors
are made, and text of several lines becomes a literal block.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import yaml

__all__ = ["render_documents"]

_LEADING = ("apiVersion", "kind", "name", "metadata", "type", "spec")
_UNWRAPPED = 1_000_000
# Go's YAML reads these as numbers (YAML 1.2 core schema), PyYAML (1.1) as text: quote them.
_NUMBER_IN_GO = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z|0o[0-7]+\Z")


class _Dumper(yaml.SafeDumper):
    """The safe dumper with lists indented below their key and without aliases."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - the override's purpose is to ignore it
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the same for each value
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else "'" if _NUMBER_IN_GO.match(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def render_documents(documents: Iterable[Mapping[str, object]]) -> str:
    """Return the documents as one YAML text, parted by `---`; it parses back to equal values.

    The order of keys in the given mappings has no part in it.
    """
    return "---\n".join(_render(document) for document in documents)


def _render(document: Mapping[str, object]) -> str:
    text: str = yaml.dump(
        _begun_as_usual(_plain_mapping(document)),
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=True,
        width=_UNWRAPPED,
    )
    return text


def _begun_as_usual(document: dict[str, object]) -> dict[str, object]:
    leading = [key for key in _LEADING if key in document] if "kind" in document else []
    return {key: document[key] for key in (*leading, *document)}


def _plain_mapping(values: Mapping[str, object]) -> dict[str, object]:
    return {str(key): _plain(values[key]) for key in sorted(values)}


def _plain(value: object) -> object:
    """Return the value as dicts and lists; whole floats, as the engine returns numbers, as ints."""
    if isinstance(value, Mapping):
        return _plain_mapping(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
