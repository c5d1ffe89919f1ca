"""What is worth repeating, how often, and how long to wait.

The set of statuses is closed: anything else would be answered the same way again. Waits are
exponential with full jitter and a cap; a peer's Retry-After (RFC 9110, 10.2.3) goes before them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import tenacity

from airgap.errors import UpstreamError

__all__ = ["RETRYABLE", "RetryPolicy", "parse_retry_after"]

T = TypeVar("T")

RETRYABLE = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How patiently to repeat an operation that is safe to repeat.

    Attributes:
        attempts: The most tries, the first included.
        first_wait_s: The longest first wait; each further one may be twice as long.
        max_wait_s: No wait is longer, whatever the peer asks for.
        sleep: The clock, replaced in tests.
    """

    attempts: int = 5
    first_wait_s: float = 0.25
    max_wait_s: float = 30.0
    sleep: Callable[[float], None] = time.sleep

    def run(self, operation: Callable[[], T]) -> T:
        """Call the operation until it succeeds, fails for good, or the attempts are used up.

        Raises:
            UpstreamError: The last failure.
        """
        for attempt in tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_retryable),
            stop=tenacity.stop_after_attempt(self.attempts),
            wait=self._wait,
            sleep=self.sleep,
            reraise=True,
        ):
            with attempt:
                result = operation()
        return result

    def _wait(self, state: tenacity.RetryCallState) -> float:
        jitter = tenacity.wait_random_exponential(multiplier=self.first_wait_s, max=self.max_wait_s)
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_s if isinstance(error, UpstreamError) else None
        return jitter(state) if asked is None else min(asked, self.max_wait_s)


def _is_retryable(error: BaseException) -> bool:
    return isinstance(error, UpstreamError) and error.retryable


def parse_retry_after(value: str, *, now: datetime | None = None) -> float | None:
    """Read a Retry-After header, seconds or a date; None when absent or malformed."""
    text = value.strip()
    if text.isdigit() and text.isascii():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
