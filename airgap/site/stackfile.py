"""Reads the site out of `stacks/Pulumi.<site>.yaml` without the engine.

Scalars are read as the engine's YAML 1.2 reader does: `yes` and `2027-01-31` are text, and a key
written twice is a fault. What else the file holds (other keys, `encryptionsalt`, encrypted
values beside the site) is Pulumi's and left alone.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import cast

import yaml

from airgap.errors import Fault, SiteError

__all__ = ["SITE_KEY", "read_site_value"]

SITE_KEY = "sidero-airgap:site"
_CONFIG_PATH = f'config["{SITE_KEY}"]'


# libyaml's parser where PyYAML was built with it: ten times as fast.
_Safe: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Safe):  # type: ignore[misc, valid-type]  # one of two at run time
    """PyYAML's safe loader with the scalars of YAML 1.2's core schema, and unique keys."""


_CORE_SCHEMA = (  # YAML 1.2.2, section 10.3.2
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("merge", r"<<", "<"),
)
_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in _CORE_SCHEMA:
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}",
        re.compile(rf"(?:{_pattern})\Z"),
        [*_first, ""] if _tag == "null" else list(_first),
    )


def _construct_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Hashable, object]:
    loader.flatten_mapping(node)
    mapping: dict[Hashable, object] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable) or key in mapping:
            problem = f"the key {key!r} is not unique"
            raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
        mapping[key] = loader.construct_object(value_node, deep=True)
    return mapping


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_mapping)


def read_site_value(text: str, *, document: str) -> Mapping[str, object]:
    """Return the value of `sidero-airgap:site` in a stack file's text.

    Args:
        text: The stack file.
        document: Its name, for faults.

    Raises:
        SiteError: The text is no YAML, or holds no site.
    """
    config = _mapping_in(_parsed(text, document), "config", document, "config")
    return _mapping_in(config, SITE_KEY, document, _CONFIG_PATH)


def _parsed(text: str, document: str) -> object:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - derived from the safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}" if mark else "file"
        raise _refusal(document, where, f"not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise _refusal(document, "file", f"not YAML: {type(error).__name__}") from None


def _mapping_in(parent: object, key: str, document: str, path: str) -> Mapping[str, object]:
    value = parent.get(key) if isinstance(parent, Mapping) else None
    if value is None:
        raise _refusal(document, path, "missing", "see stacks/Pulumi.airgap-basic.yaml")
    if not isinstance(value, Mapping):
        raise _refusal(document, path, "expected a mapping", "see stacks/Pulumi.airgap-basic.yaml")
    return cast("Mapping[str, object]", value)


def _refusal(document: str, path: str, message: str, hint: str = "") -> SiteError:
    return SiteError(document, [Fault(path=path, message=message, hint=hint)])
