"""What a field of the stack file is: read out of its JSON Schema, for `python -m airgap explain`.

There is no second text: types, defaults, allowed values, forms, descriptions and examples are the
model's own (`airgap.site.schema`). A place is a dotted path; lists and maps are stepped over with
or without an index: `serverClasses.extensions`, `serverClasses[0].extensions`,
`registry.mirrors["ghcr.io"].skipVerify`, and as faults have it, `site.registry`. An index stands
after nothing else; a key that a map lists (`policy.levels.https-only`) leads to its entry.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from airgap.errors import AirgapError
from airgap.rules import ADVISORY_RULES, MANDATORY_RULES
from airgap.site.document import FORMS
from airgap.site.schema import Node, definitions, resolved

__all__ = ["Explained", "UnknownFieldError", "explain_field"]

_STEP = re.compile(r"\.?(?P<key>[A-Za-z_][A-Za-z0-9_-]*)|(?P<item>\[[^\]]*\])")
_NAMED = re.compile(r"`([^`]+)`")
_INDEX = re.compile(r"(?:[0-9]+|\*)?\Z")
_ROOTS = (
    'config["sidero-airgap:site"]', "config['sidero-airgap:site']", "config[sidero-airgap:site]",
    "config.sidero-airgap:site", "sidero-airgap:site", "site",
)  # fmt: skip
_CREDENTIALS = re.compile(r"(?:config(?:\.|\[[\"']?))?sidero-airgap:credentials(?![A-Za-z0-9_-])")
_CREDENTIALS_HINT = (
    "README.md, Credentials; pulumi config set --secret --path "
    "'sidero-airgap:credentials[\"host:port\"].username' NAME, and .password"
)
_RULES = (*MANDATORY_RULES, *ADVISORY_RULES)
_MOST_GUESSES = 3


class UnknownFieldError(AirgapError):
    """No field of the stack file has this path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A field, or the whole site (path ""), with what is below it.

    Attributes:
        path: Where it is; lists and maps are marked `[]`.
        type: What it takes, in words: `list of text`.
        required: Whether it must be there.
        default: What holds when it is left out; empty where nothing does, or where it is required.
        allowed: The values it may have, where they are few.
        keys: The keys that a map may have, where they are few.
        forms: What its text looks like, in words.
        description: What it is.
        section: What the section that stands there is; empty where none does.
        examples: Values it may have, as YAML in one line each.
        rules: The policies that speak of it, each with what holds by it.
        fields: What stands in it.
    """

    path: str
    type: str
    required: bool
    default: str
    allowed: tuple[str, ...]
    keys: tuple[str, ...]
    forms: tuple[str, ...]
    description: str
    section: str
    examples: tuple[str, ...]
    rules: tuple[str, ...]
    fields: tuple[Explained, ...]

    @property
    def name(self) -> str:
        """The last key of its path."""
        return self.path.replace("[]", "").rpartition(".")[2]


def explain_field(path: str) -> Explained:
    """Return what stands at a path of the site; "" is the site itself.

    Raises:
        UnknownFieldError: Nothing does; the hint names what was probably meant.
    """
    node: Node = definitions()["Site"]
    here = _explained("", node, is_required=True)
    kinds = tuple(resolved(node))
    for step in _steps(path):
        if step.item:
            kinds = _held_at(path, step, here, kinds)
            here = _entry(here, step.text)
            continue
        below = {field.name: field for field in here.fields}
        if step.text not in below and step.text in here.keys:
            here, kinds = _entry(here, step.text), tuple(_held_by(kinds))
            continue
        if step.text not in below:
            raise _unknown(path, step, here, kinds)
        here = below[step.text]
        kinds = tuple(resolved(_property(kinds, step.text)))
    return here


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """A step of a path: a key, or what stands between brackets; and what follows it."""

    text: str
    item: str
    rest: str


def _steps(path: str) -> Iterator[_Taken]:
    rest = path.strip()
    if _CREDENTIALS.match(rest):
        message = (
            f"{path}: no field of the site but a secret of the stack, beside it: the user name and "
            "password that machines pull with, by registry host"
        )
        raise UnknownFieldError(message, hint=_CREDENTIALS_HINT)
    for root in _ROOTS:
        if rest == root or rest.startswith((f"{root}.", f"{root}[")):
            rest = rest.removeprefix(root)
            break
    at = 0
    while at < len(rest):
        match = _STEP.match(rest, at)
        if match is None:
            hint = 'write keys with dots between, such as registry.mirrors["ghcr.io"].endpoints'
            raise UnknownFieldError(f"{path}: not a path at {rest[at:]!r}", hint=hint)
        at = match.end()
        item = match["item"] or ""
        text = match["key"] or item[1:-1].strip().strip("\"'")
        yield _Taken(text=text, item=item, rest=rest[at:])


def _held_at(path: str, step: _Taken, here: Explained, kinds: Sequence[Node]) -> tuple[Node, ...]:
    """Return what a list or a map holds at an index.

    Raises:
        UnknownFieldError: It is neither, or has no such index.
    """
    where = here.path.removesuffix("[]") or "the site"
    if not (held := tuple(_held_by(kinds))):
        types = " or ".join(dict.fromkeys(map(_word, kinds)))
        message = f"{path}: {where} is no list and no map ({types}): it has no {step.item}"
        raise UnknownFieldError(message, hint="leave the index out")
    is_map = any(kind.get("type") == "object" for kind in kinds)
    if not is_map and not _INDEX.match(step.text):
        message = f"{path}: {where} is a list, and {step.item} is no number of an entry"
        raise UnknownFieldError(message, hint="write [0], or leave the index out")
    if is_map and here.keys and step.text not in ("", "*", *here.keys):
        message = f"{path}: {where} has no key {step.text!r}"
        raise UnknownFieldError(message, hint=_meant(step.text, here.keys))
    return held


def _meant(key: str, known: Sequence[str]) -> str:
    guesses = difflib.get_close_matches(key.lower(), known, n=_MOST_GUESSES, cutoff=0.6)
    if guesses:
        return f"did you mean {' or '.join(guesses)}?"
    return f"known there: {', '.join(known)}"


def _entry(here: Explained, key: str) -> Explained:
    """Return what stands at a key of a map whose keys are known, which are rules; else the map."""
    if key not in here.keys:
        return here
    rules = [rule for rule in _RULES if rule.name == key]
    return replace(
        here,
        path=f'{here.path}["{key}"]',
        type=here.type.removeprefix("map of "),
        default="mandatory" if any(rule in MANDATORY_RULES for rule in rules) else "advisory",
        keys=(),
        examples=(),
        rules=tuple(f"{rule.name}: {rule.summary}" for rule in rules),
    )


def _property(kinds: Sequence[Node], key: str) -> Node:
    """Return the schema of a key of the section that stands here, or is held here."""
    for kind in (below for each in kinds for below in _kinds(each)):
        properties = kind.get("properties")
        if isinstance(properties, Mapping) and key in properties:
            return cast("Node", properties[key])
    return {}


def _held_by(kinds: Iterable[Node]) -> Iterator[Node]:
    return (below for kind in kinds for held in _held(kind) for below in resolved(held))


def _unknown(path: str, step: _Taken, here: Explained, kinds: Sequence[Node]) -> UnknownFieldError:
    key, taken, known = step.text, here.path, [field.name for field in here.fields]
    where = taken or "the site"
    message = f"{path}: {where} has no field {key!r}" + ("" if known else ", nor any other")
    if here.keys:
        return UnknownFieldError(f"{path}: {where} has no key {key!r}", hint=_meant(key, here.keys))
    if guesses := _guesses(key, taken, known):
        return UnknownFieldError(message, hint=f"did you mean {' or '.join(guesses)}?")
    hints = []
    if any(kind.get("type") == "object" and "properties" not in kind for kind in kinds):
        hints.append(f"a key of this map stands in brackets: {_bracketed(step, here)}")
    if known:
        hints.append(f"known there: {', '.join(known)}")
    return UnknownFieldError(message, hint="; ".join(hints))


def _bracketed(step: _Taken, here: Explained) -> str:
    """Return the path with the key of a map in brackets: up to what is a field of its values."""
    names = [field.name for field in here.fields]
    words = f"{step.text}{step.rest}".split(".")
    end = next((at for at, word in enumerate(words) if at and word in names), len(words))
    fields = "".join(f".{word}" for word in words[end:])
    return f'{here.path.removesuffix("[]")}["{".".join(words[:end])}"]{fields}'


def _guesses(key: str, taken: str, known: Iterable[str]) -> list[str]:
    """Return what was probably meant: a key of this name anywhere, or one like it at its level."""
    wanted = key.lower().replace("_", "").replace("-", "")
    lower = {name.lower(): f"{taken}.{name}".lstrip(".") for name in known}
    matches = difflib.get_close_matches(wanted, lower, n=_MOST_GUESSES, cutoff=0.6)
    if wanted in matches:
        return [lower[wanted]]
    anywhere = [field.path for field in _all(explain_field("")) if field.name.lower() == wanted]
    return [*anywhere[:_MOST_GUESSES], *(lower[match] for match in matches)][:_MOST_GUESSES]


def _all(field: Explained) -> Iterator[Explained]:
    for below in field.fields:
        yield below
        yield from _all(below)


def _explained(path: str, node: Node, *, is_required: bool) -> Explained:
    kinds = tuple(_kinds(node))
    sections = [kind for kind in kinds if "properties" in kind]
    fields = _fields(path, sections[0]) if sections else ()
    return Explained(
        path=path,
        type=_type(node),
        required=is_required,
        default="" if is_required else _default(node, kinds),
        allowed=tuple(_allowed(kinds)),
        keys=tuple(key for kind in kinds for key in _allowed([_names(kind)])),
        forms=tuple(dict.fromkeys(_forms(kinds))),
        description=str(node.get("description", "")) if path else "",
        section=str(sections[0].get("description", "")) if sections else "",
        examples=tuple(dict.fromkeys(map(_in_yaml, _examples(node, kinds)))),
        rules=tuple(_rules(path)),
        fields=fields,
    )


def _fields(path: str, section: Node) -> tuple[Explained, ...]:
    properties = cast("Mapping[str, Node]", section["properties"])
    required = cast("Sequence[str]", section.get("required", ()))
    return tuple(
        _explained(_below(path, key, node), node, is_required=key in required)
        for key, node in properties.items()
    )


def _below(path: str, key: str, node: Node) -> str:
    """Return a field's path; where a section is in a list or a map, so that `[]` leads into it."""
    holds = any(True for kind in resolved(node) for _ in _held(kind))
    is_way = any("properties" in kind for kind in _kinds(node))
    return f"{path}.{key}".lstrip(".") + ("[]" if holds and is_way else "")


def _kinds(node: Node) -> Iterator[Node]:
    """Yield every kind of value below a field, items of lists and values of maps included."""
    for kind in resolved(node):
        yield kind
        for below in _held(kind):
            yield from _kinds(below)


def _held(kind: Node) -> Iterator[Node]:
    """Yield the schema of a list's items or of a map's values; none of a section's."""
    patterns = kind.get("patternProperties")
    by_key = patterns.values() if isinstance(patterns, Mapping) else ()
    for below in (kind.get("items"), kind.get("additionalProperties"), *by_key):
        if isinstance(below, Mapping) and below:
            yield below


def _type(node: Node) -> str:
    words = [_word(kind) for kind in resolved(node) if kind.get("type") != "null"]
    return " or ".join(dict.fromkeys(words)) or "anything"


def _word(kind: Node) -> str:
    match kind.get("type"):
        case "array":
            return f"list of {_type(cast('Node', kind['items']))}"
        case "object":
            return _mapping_word(kind)
        case "boolean":
            return "true or false"
        case "integer":
            return "whole number" + _range(kind)
        case "string":
            return "text"
        case _:
            return "text" if "enum" in kind else str(kind.get("const", "anything"))


def _mapping_word(kind: Node) -> str:
    if "properties" in kind:
        return "section"
    held = [_type(below) for below in _held(kind)]
    return f"map of {held[0]}" if held else "map"


def _range(kind: Node) -> str:
    least, most = kind.get("minimum"), kind.get("maximum")
    return "" if least is None or most is None else f", {least} to {most}"


def _default(node: Node, kinds: Sequence[Node]) -> str:
    value = node.get("default", {})
    if value is None:
        return "none"
    if value in ("", [], {}):
        return "empty"
    if any("properties" in kind for kind in kinds):
        return "that of each field"
    return _in_yaml(value)


def _allowed(kinds: Iterable[Node]) -> Iterator[str]:
    for kind in kinds:
        for value in cast("Sequence[object]", kind.get("enum", ())):
            yield _in_yaml(value)
        if "const" in kind:
            yield _in_yaml(kind["const"])


def _names(kind: Node) -> Node:
    """Return the schema of a map's keys."""
    found = kind.get("propertyNames")
    return found if isinstance(found, Mapping) else {}


def _forms(kinds: Iterable[Node]) -> Iterator[str]:
    for kind in kinds:
        if "pattern" in kind:
            yield FORMS[str(kind["pattern"])]


def _examples(node: Node, kinds: Iterable[Node]) -> Iterator[object]:
    """Yield the field's own examples, else those of what it holds."""
    own = [*_given(node), *(item for choice in _choices(node) for item in _given(choice))]
    if own:
        yield from own
        return
    for kind in kinds:
        yield from _given(kind)
        for below in _held(kind):
            yield from _given(below)


def _rules(path: str) -> Iterator[str]:
    """Yield the rules whose own words name the field, by its path or the end of it, in backticks.

    Of what is upstream they read no more than its scheme.
    """
    place = f".{path.replace('[]', '')}"
    if place.startswith(".upstream"):
        return
    for rule in _RULES:
        named = _NAMED.findall(f"{rule.summary} {rule.reason} {rule.remedy}")
        if any(place.endswith(f".{name.partition(':')[0]}") for name in named):
            yield f"{rule.name}: {rule.summary}"


def _given(node: Node) -> Sequence[object]:
    return cast("Sequence[object]", node.get("examples", ()))


def _choices(node: Node) -> Sequence[Node]:
    return cast("Sequence[Node]", node.get("anyOf", ()))


def _in_yaml(value: object) -> str:
    """Return a value in one line as YAML reads it: JSON, but plain text as people write it."""
    is_plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9^/~][^\n\"'{}#]*", value)
    if isinstance(value, str) and is_plain and ": " not in value:
        return value
    return json.dumps(value, ensure_ascii=False)
