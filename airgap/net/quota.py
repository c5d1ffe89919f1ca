"""What a peer says about its rate limit, in each form that is in use.

- Docker Hub: `RateLimit-Remaining: 0;w=21600` (a window, no reset).
- IETF draft-ietf-httpapi-ratelimit-headers up to -06: `RateLimit-Remaining: 0` and
  `RateLimit-Reset: 50` (seconds from now).
- Draft -07: `RateLimit: limit=100, remaining=0, reset=50`.
- Draft -08 and later: `RateLimit: "default";r=0;t=50`.
- GitHub and others: `X-RateLimit-Remaining: 0` and `X-RateLimit-Reset`, seconds from now or since
  1970, told apart by their size.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Quota", "read_quota"]

_COUNT = re.compile(r"\s*(\d{1,15})")
_WINDOW = re.compile(r";\s*w=(\d{1,15})")
_LEFT = re.compile(r"\b(?:remaining|r)=(\d{1,15})")
_RESET = re.compile(r"\b(?:reset|t)=(\d{1,15})")
_NEXT_POLICY = re.compile(r',\s*(?=")')  # structured field: list members begin with their name
_EPOCH = 1_000_000_000  # no peer gives a quota for thirty years: a moment since 1970


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What is left of a rate limit.

    Attributes:
        remaining: How many requests may still come.
        reset_s: In how many seconds there are more; None when the peer does not say.
        window_s: How long the limit's window is: there are more after it at the latest.
    """

    remaining: int
    reset_s: float | None = None
    window_s: float | None = None


def read_quota(headers: Mapping[str, str], *, now: float | None = None) -> Quota | None:
    """Read the rate limit of an answer's headers (lower-case names); None when there is none.

    Args:
        headers: The answer's.
        now: Seconds since 1970.
    """
    if "ratelimit" in headers:
        policies = [_read_policy(text) for text in _NEXT_POLICY.split(headers["ratelimit"])]
        known = [policy for policy in policies if policy is not None]
        return min(known, key=lambda quota: quota.remaining, default=None)
    for prefix in ("ratelimit-", "x-ratelimit-"):
        stated = headers.get(f"{prefix}remaining", "")
        left = _COUNT.match(stated)
        if left is not None:
            window = _WINDOW.search(stated)
            return Quota(
                remaining=int(left[1]),
                reset_s=_seconds(headers.get(f"{prefix}reset", ""), now),
                window_s=float(window[1]) if window else None,
            )
    return None


def _read_policy(text: str) -> Quota | None:
    left, reset = _LEFT.search(text), _RESET.search(text)
    if left is None:
        return None
    return Quota(remaining=int(left[1]), reset_s=float(reset[1]) if reset else None)


def _seconds(value: str, now: float | None) -> float | None:
    stated = _COUNT.match(value)
    if stated is None:
        return None
    seconds = float(stated[1])
    if seconds < _EPOCH:
        return seconds
    return max(0.0, seconds - (time.time() if now is None else now))
