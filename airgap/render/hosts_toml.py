"""containerd's `hosts.toml` (its docs/hosts.md, 1.7 and 2.x): where a registry is mirrored.

Endpoints are tried in their order in the file. What `server` names comes last and takes its
settings from the top of the file: with `skipFallback` it is the last endpoint, else it is left out
and means the registry itself. This is how Talos writes the same settings for its own containerd.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

__all__ = ["render_hosts"]

_CAPABILITIES = ["pull", "resolve"]


def render_hosts(mirror: Mapping[str, object]) -> str:
    """Return a mirror's file: `{endpoints: [{url, overridePath, skipVerify, ca}], skipFallback}`.

    `ca` is a file's name: containerd looks for it beside `hosts.toml`.

    Raises:
        ValueError: There is no endpoint: such a file would send containerd to the registry itself.
    """
    found = mirror.get("endpoints")
    given = found if isinstance(found, Sequence) and not isinstance(found, str) else ()
    endpoints = [item for item in given if isinstance(item, Mapping)]
    if not endpoints:
        raise ValueError("a mirror without endpoints is no mirror for containerd")
    lines: list[str] = []
    if mirror.get("skipFallback"):
        last = endpoints.pop()
        lines += [f"server = {_text(last['url'])}", *_settings(last)]
    for endpoint in endpoints:
        lines += ["", f"[host.{_text(endpoint['url'])}]", *_settings(endpoint)]
    return "\n".join(lines).lstrip("\n") + "\n"


def _settings(endpoint: Mapping[str, object]) -> Iterator[str]:
    yield f"capabilities = {json.dumps(_CAPABILITIES)}"
    if endpoint.get("overridePath"):
        yield "override_path = true"
    if endpoint.get("ca"):
        yield f"ca = {_text(endpoint['ca'])}"
    if endpoint.get("skipVerify"):
        yield "skip_verify = true"


def _text(value: object) -> str:
    """Return a TOML basic string: JSON's escapes are among TOML's."""
    return json.dumps(str(value))
