"""`immutable-urls`: the URL of what boots names its content.

Sidero v0.6.13 keeps what it downloaded by URL alone: it never reads `sha512`, refetches only when
the URL changes, and overwrites without truncating.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.values import Values, boot_assets, entries, part, text

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check"]

NAME = "immutable-urls"
SUMMARY = "URLs of boot assets and image caches name their content."
REASON = (
    "Sidero fetches an asset again only when its URL changes: new bytes at an old URL are never "
    "booted, or only by the manager that happened to restart, and going back is not possible."
)
REMEDY = (
    "Leave the URLs to the plan, which puts the digest in, and run `python -m airgap lock <site>`."
)

_SHA512 = re.compile(r"(sha512:)?([0-9a-f]{128})\Z")
_KEY = re.compile(r"[/-][0-9a-f]{12,128}[-/.]")
_RELOCK = "run: python -m airgap lock <site>"


def check(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a violation for each URL under which other bytes may lie tomorrow."""
    if kind != "SideroEnvironment":
        return
    for name, environment in entries(values, "environments"):
        for what, asset in boot_assets(environment):
            pin = _SHA512.match(text(asset, "sha512"))  # without one it is not pinned
            if pin and f"/{pin[2][:16]}/" not in text(asset, "url"):
                yield _mutable(name, f"the URL of its {what} does not name its content")
        cache = text(part(environment, "airGap"), "imageCacheURL")
        if cache and not _KEY.search(cache):
            yield _mutable(name, "the URL of its image cache does not name its content")


def _mutable(name: str, message: str) -> Violation:
    return Violation(subject=name, message=message, remedy=_RELOCK)
