"""`no-plain-credentials`: no secret stands in what a preview, a state or a file shows.

Judged in every text of every component and set: user information and tokens in URLs, registry
credentials and other secret keys of a machine configuration (those that the site gives to machines
are a secret of their own, outside of these values), kernel arguments and what they hold in turn
(`talos.environment=NAME=VALUE`), documents inside a schematic's META values, private keys. What is
found is named by its place and never quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from airgap.rules.findings import Violation
from airgap.rules.masking import PRIVATE_KEY, SENSITIVE, SETTING
from airgap.rules.values import Path, Values, walk

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check"]

NAME = "no-plain-credentials"
SUMMARY = "No password, token or private key stands in clear."
REASON = (
    "What is in a state, a preview, a pull request or /proc/cmdline was read by everybody who may "
    "see it, for ever: a password that was merged is a password to be changed, on every machine."
)
REMEDY = (
    "Change the secret, and give the new one as `sidero-airgap:credentials` or by the machine that "
    "runs the transfer (Docker config, AIRGAP_AUTH_FILE)."
)

_USER = re.compile(r"(?<=://)[^\s/?#]*@")
_QUERY = re.compile(rf"(?i)://\S*[?&]({SENSITIVE}|sig|signature|key)=[^\s&$]")
_NAME = re.compile(rf"(?i){SENSITIVE}|auth")
_PLACEHOLDERS = ("$", "<", "{")
_DOCUMENTS = frozenset({"meta", "options", "embeddedMachineConfiguration"})
"""Of a schematic: below these stand texts that are documents or settings themselves."""

_WHOLE = frozenset({"talos.config.inline", "talos.config.early"})


def check(kind: str, values: Values) -> Iterator[Violation]:  # noqa: ARG001 (a rule's signature)
    """Yield a violation for each text that holds a secret, once a place."""
    for path, text in walk(values, without=("policy",)):
        if message := _fault(path, text):
            yield Violation(
                subject=".".join(path),
                message=f"{message}, in clear",
                remedy=REMEDY,
            )


def _fault(path: Path, text: str) -> str:
    """Return what a text holds; empty when it may be read by everybody."""
    if PRIVATE_KEY.search(text):
        return "a private key"
    if _USER.search(text):
        return "user information in a URL"
    if _QUERY.search(text):
        return "a token in a URL"
    last = path[-1] if path else ""
    if _NAME.fullmatch(last) and _is_value(text):
        return f"the value of {last}"
    is_document = not _DOCUMENTS.isdisjoint(path)
    names = [*_set_in(text)] if is_document or last.isdigit() else []
    names += [*_keyed_in(text)] if is_document else []
    if not names:
        return ""
    more = ", a whole machine configuration" if names[0].lower() in _WHOLE else ""
    return f"the value of {names[0]}{more}"


def _is_value(text: str) -> bool:
    """Tell whether a text is a secret's value: neither empty nor what another fills in."""
    plain = text.strip("\"' ")
    return bool(plain) and not plain.startswith(_PLACEHOLDERS)


def _set_in(text: str) -> Iterator[str]:
    """Yield the name of each secret setting: of an argument, or of what an argument sets."""
    for found in SETTING.finditer(text):
        if _is_value(found["value"]):
            yield found["name"]


def _keyed_in(text: str) -> Iterator[str]:
    """Yield the name of each secret in YAML or JSON; of what is neither, nothing.

    Nodes are looked at once each: aliases of aliases would take for ever.
    """
    try:
        rest: list[tuple[str, yaml.Node]] = [
            ("", node) for node in yaml.compose_all(text, Loader=yaml.SafeLoader)
        ]
    except (yaml.YAMLError, RecursionError):
        return
    seen: set[int] = set()
    while rest:
        name, node = rest.pop()
        if isinstance(node, yaml.ScalarNode):
            if node.tag not in _NO_SECRET and _NAME.fullmatch(name) and _is_value(node.value):
                yield name
            elif name:
                yield from _set_in(node.value)
        elif id(node) not in seen:
            seen.add(id(node))
            rest += _below(name, node)


def _below(name: str, node: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((str(key.value), value) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from ((name, item) for item in node.value)


_NO_SECRET = frozenset({"tag:yaml.org,2002:null", "tag:yaml.org,2002:bool"})
