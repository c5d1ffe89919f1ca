"""Where something stands in the site, and how a found value is shown in a fault.

Both are made so that no secret gets into a fault: user information is cut from keys and values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["ROOT", "STACKS", "Step", "dotted", "has_user_information", "shown"]

STACKS = "stacks"
"""The folder of stack files in a project (`stackConfigDir` of Pulumi.yaml)."""

Step = str | int
ROOT = "site"

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_USER_INFORMATION = re.compile(r"(?<=//)[^/?#\s\"']*@")
_BEFORE_AT = re.compile(r"[^/\s]+@(?!sha(?:256|512):)")
_QUERY = re.compile(r"(?<=\?)[^#\s]+")
_LONGEST = 80


def dotted(steps: Iterable[Step]) -> str:
    """Return the path of a place, such as `site.registry.mirrors["ghcr.io"].endpoints[0]`."""
    return ROOT + "".join(_step(step) for step in steps)


def has_user_information(text: str) -> bool:
    """Tell whether a URL in the text carries user information."""
    return _USER_INFORMATION.search(text) is not None


def shown(value: object) -> str:
    """Return a found value for a fault: short, and without anything that may be a secret."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return str(value)
    return repr(_shortened(_censored(value)))


def _censored(text: str) -> str:
    return _BEFORE_AT.sub("…@", _QUERY.sub("…", text))


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _step(step: Step) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if _PLAIN_KEY.match(step):
        return f".{step}"
    return f'["{_shortened(_censored(step))}"]'
