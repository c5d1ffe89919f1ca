"""`download-time`: tells of boot assets that Sidero's manager will not have in time.

Sidero v0.6.13 gives each download five minutes in all, and begins again from nothing after that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.values import Values, entries, text

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check"]

NAME = "download-time"
SUMMARY = "Boot assets reach Sidero's manager within its five minutes."
REASON = (
    "Sidero's manager gives a download five minutes in all, then begins again from nothing: the "
    "Environment never becomes ready, and machines get HTTP 412 for ever."
)
REMEDY = "Serve it nearer to the manager, or correct `sidero.assetLink`."

_LIMIT_S = 300
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(M|G)bit/s\Z")
_BITS = {"M": 1e6, "G": 1e9}


def check(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a note for each asset too large for the link that the site states."""
    rate = _RATE.match(text(values, "assetLink"))
    if kind != "AssetMirror" or rate is None:
        return
    bits_per_s = float(rate[1]) * _BITS[rate[2]]
    for name, asset in entries(values, "assets"):
        size = asset.get("size")
        if not isinstance(size, int | float):
            continue
        seconds = size * 8 / bits_per_s if bits_per_s else float("inf")
        if seconds > _LIMIT_S:
            yield Violation(
                subject=name,
                message=f"takes {seconds:.0f} s at {rate[0]}; Sidero stops a download after 300 s",
                remedy="serve it nearer to the manager, or correct sidero.assetLink",
            )
