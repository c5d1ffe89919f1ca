"""What is worth repeating, how often, and how long to wait.

The set of statuses is closed: anything else would be answered the same way again. Own waits are
exponential with full jitter and a cap. A peer's Retry-After (RFC 9110, 10.2.3) goes before them:
it is waited for whole, and where it asks for more than our patience (a daily quota), the operation
fails at once instead of knocking on a closed door.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

from airgap.errors import UpstreamError

if TYPE_CHECKING:
    import tenacity

__all__ = [
    "LONGEST_ASKED_WAIT_S",
    "RETRYABLE",
    "RetryPolicy",
    "describe_wait",
    "parse_retry_after",
]

T = TypeVar("T")

RETRYABLE = frozenset({408, 429, 500, 502, 503, 504})
LONGEST_ASKED_WAIT_S = 300.0
_LONGEST_TOLD_S = 366 * 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How patiently to repeat an operation that is safe to repeat.

    Attributes:
        attempts: The most tries, the first included.
        first_wait_s: The longest first wait; each further one may be twice as long.
        max_wait_s: No wait of our own choice is longer.
        max_asked_wait_s: A peer that asks for a longer wait is not asked again.
        sleep: The clock, replaced in tests.
        on_retry: Called before each further try.
    """

    attempts: int = 5
    first_wait_s: float = 0.25
    max_wait_s: float = 30.0
    max_asked_wait_s: float = LONGEST_ASKED_WAIT_S
    sleep: Callable[[float], None] = time.sleep
    on_retry: Callable[[], None] | None = None

    def run(self, operation: Callable[[], T]) -> T:
        """Call the operation until it succeeds, fails for good, or the attempts are used up.

        Raises:
            UpstreamError: The last failure.
        """
        try:
            return operation()
        except UpstreamError as error:
            if not self._is_worth_another_try(error):
                raise
            return self._again(operation, error)

    def _again(self, operation: Callable[[], T], failure: UpstreamError) -> T:
        """Go on after a first failure; what nobody needs while all is well is imported here."""
        import tenacity

        failures = [failure]

        def attempt() -> T:
            if failures:
                raise failures.pop()  # the first attempt, as it ended
            return operation()

        jitter = tenacity.wait_random_exponential(multiplier=self.first_wait_s, max=self.max_wait_s)
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._is_worth_another_try),
            stop=tenacity.stop_after_attempt(self.attempts),
            wait=lambda state: self._wait(state, jitter),
            sleep=self.sleep,
            before_sleep=self._count,
            reraise=True,
        )(attempt)

    def _is_worth_another_try(self, error: BaseException) -> bool:
        if not isinstance(error, UpstreamError) or not error.retryable:
            return False
        return (error.retry_after_s or 0.0) <= self.max_asked_wait_s

    def _wait(
        self, state: tenacity.RetryCallState, jitter: Callable[[tenacity.RetryCallState], float]
    ) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_s if isinstance(error, UpstreamError) else None
        return jitter(state) if asked is None else asked

    def _count(self, state: tenacity.RetryCallState) -> None:  # noqa: ARG002 (tenacity's form)
        if self.on_retry is not None:
            self.on_retry()


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


def describe_wait(seconds: float, *, now: datetime | None = None) -> str:
    """Return `before 2026-01-31 18:00 UTC` for a wait from now, rounded up to the minute."""
    whole_minutes = timedelta(seconds=min(seconds, _LONGEST_TOLD_S) + 59)
    moment = (now or datetime.now(UTC)).astimezone(UTC) + whole_minutes
    return f"before {moment:%Y-%m-%d %H:%M} UTC"
