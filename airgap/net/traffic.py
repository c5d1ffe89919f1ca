"""What one run may move and has moved: its pace, the places at each host, its counts.

One `Traffic` is shared by all connections of a run, whatever they carry. Hosts are told apart by
name and port. It decides who waits and how long; what a place costs is `gate`'s arithmetic, how
fast bytes pass is `pace`'s, and whether to repeat is the retry policy's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from urllib.parse import urlsplit

from airgap.errors import UpstreamError
from airgap.net.failure import StoppedError, is_timeout
from airgap.net.gate import Gate, Place
from airgap.net.pace import Pace
from airgap.net.quota import read_quota
from airgap.net.retry import LONGEST_ASKED_WAIT_S, RetryPolicy, describe_wait

__all__ = ["Counts", "Traffic"]

_PUSH_BACK = frozenset({429, 503})
_LOOK_S = 0.25  # no wait is longer without a look at whether the run was stopped
_PORTS = {"http": 80, "https": 443}

_Host = tuple[str, int | None]
_Ration = tuple[_Host, bool]


class Counts:
    """What was moved. Thread-safe; each figure only ever grows.

    Attributes:
        received_bytes: Bytes of bodies that came.
        sent_bytes: Bytes of bodies that went.
        retries: Attempts beyond the first.
        requests: Requests sent, redirects included.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.received_bytes = 0
        self.sent_bytes = 0
        self.retries = 0
        self.requests = 0

    def received(self, count: int) -> None:
        """Count bytes that came."""
        with self._lock:
            self.received_bytes += count

    def sent(self, count: int) -> None:
        """Count bytes that went."""
        with self._lock:
            self.sent_bytes += count

    def retried(self) -> None:
        """Count another attempt."""
        with self._lock:
            self.retries += 1

    def requested(self) -> None:
        """Count a request."""
        with self._lock:
            self.requests += 1


class Traffic:
    """What one run may move and has moved. Thread-safe.

    Args:
        pace: How fast bytes may pass; unlimited by default.
        most_per_host: No host gets more requests at a time. None: any number, and no host is
            kept waiting; for a connection that is nobody's run.
        patience_s: A host that asks for a longer silence is not asked again: what is wanted of it
            fails at once, with the time from when it answers again.
        clock: Monotonic seconds.
        sleep: Waits some seconds.
    """

    def __init__(
        self,
        *,
        pace: Pace | None = None,
        most_per_host: int | None = 16,
        patience_s: float = LONGEST_ASKED_WAIT_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.pace = pace or Pace()
        self.counts = Counts()
        self._most_per_host = most_per_host
        self._patience_s = patience_s
        self._clock = clock
        self._sleep = sleep
        self._changed = threading.Condition()
        self._gates: dict[_Host, Gate] = {}
        self._closed: dict[_Ration, float] = {}
        self._stopped = False

    def attempt(self, url: str) -> AbstractContextManager[None]:
        """Hold one of the host's places for one attempt.

        Places are given in the order they were asked for. A thread that has one already gets
        further ones of that host for nothing. An UpstreamError of status 429 or 503, or from a
        timeout, that leaves the block halves the host's places; its `retry_after_s` keeps the
        whole host waiting.

        Raises:
            UpstreamError: The host's rate limit is used up for longer than this run's patience.
            StoppedError: `stop` was called.
        """
        return nullcontext() if self._most_per_host is None else self._attempt(url)

    def has_room(self, url: str) -> bool:
        """Tell whether an attempt would begin at once: for one that is not worth waiting for."""
        if self._most_per_host is None:
            return True
        with self._changed:
            gate = self._gate(_host(url))
            is_closed = self._closed.get(_ration(url), 0.0) > self._clock()
            is_paused = gate.paused_until > self._clock()
            return gate.has_room and not gate.line and not is_closed and not is_paused

    def observe(self, url: str, headers: Mapping[str, str]) -> None:
        """Read the rate-limit headers of any answer: wait before the host has to refuse.

        Args:
            url: What was asked.
            headers: The answer's, with lower-case names.
        """
        if self._most_per_host is None:
            return
        quota = read_quota(headers)
        if quota is None or quota.remaining > 0 or quota.reset_s is None:
            return
        with self._changed:
            self._hold_off(url, quota.reset_s)

    def push_back(self, url: str, error: UpstreamError) -> None:
        """Take an error into account that does not leave the `attempt` of this thread."""
        is_pushing = error.status in _PUSH_BACK or is_timeout(error)
        if not is_pushing or self._most_per_host is None:
            return
        with self._changed:
            gate = self._gate(_host(url))
            me = threading.get_ident()
            for place in [held for held in gate.held if held.thread == me]:
                gate.push_back(place)
            if error.retry_after_s is not None:
                self._hold_off(url, error.retry_after_s)

    def counted(self, policy: RetryPolicy) -> RetryPolicy:
        """Return the same policy with its repeats counted and its waits ended by `stop`."""

        def count() -> None:
            self.counts.retried()
            if policy.on_retry is not None:
                policy.on_retry()

        is_real = policy.sleep is time.sleep
        return replace(policy, on_retry=count, sleep=self.wait if is_real else policy.sleep)

    def wait(self, seconds: float) -> None:
        """Sleep.

        Raises:
            StoppedError: `stop` was called, before or meanwhile.
        """
        end = self._clock() + seconds
        while (left := end - self._clock()) > 0:
            self._check_stopped()
            self._sleep(min(left, _LOOK_S))
        self._check_stopped()

    def stop(self) -> None:
        """End the run: every wait and every byte from now on raises `StoppedError`.

        For the thread that got Ctrl-C, so that the others leave too.
        """
        self.pace.stop()
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    @contextmanager
    def _attempt(self, url: str) -> Iterator[None]:
        host = _host(url)
        place = self._enter(url, host)
        if place is None:
            yield
            return
        is_good = False
        try:
            yield
            is_good = True
        except UpstreamError as error:
            is_good = not error.retryable
            self.push_back(url, error)
            raise
        finally:
            with self._changed:
                self._gates[host].leave(place, is_good=is_good)
                self._changed.notify_all()

    def _enter(self, url: str, host: _Host) -> Place | None:
        place = Place(thread=threading.get_ident())
        with self._changed:
            gate = self._gate(host)
            if any(held.thread == place.thread for held in gate.held):
                self._check_stopped()
                return None
            gate.line.append(place)
            try:
                self._wait_for_place(url, gate, place)
                gate.enter(place)
            finally:
                gate.line.remove(place)
                self._changed.notify_all()
        return place

    def _wait_for_place(self, url: str, gate: Gate, place: Place) -> None:
        """Wait until it is this place's turn; the lock is held, and let go while waiting."""
        while True:
            self._check_stopped()
            self._check_closed(url)
            if gate.line[0] is not place or not (gate.has_room or self._is_stuck(gate)):
                self._changed.wait(_LOOK_S)
                continue
            pause = gate.paused_until - self._clock()
            if pause <= 0:
                return
            self._doze(min(pause, _LOOK_S))

    def _is_stuck(self, gate: Gate) -> bool:
        """Tell whether all who hold a place here wait for one elsewhere: none would come free.

        A thread that reads from one host while it sends to another holds two places.
        """
        waiting = {place.thread for other in self._gates.values() for place in other.line}
        return all(place.thread in waiting for place in gate.held)

    def _doze(self, seconds: float) -> None:
        self._changed.release()
        try:
            self._sleep(seconds)
        finally:
            self._changed.acquire()

    def _hold_off(self, url: str, seconds: float) -> None:
        """Keep a host waiting; the lock is held."""
        until = self._clock() + seconds
        if seconds > self._patience_s:
            ration = _ration(url)
            self._closed[ration] = max(until, self._closed.get(ration, until))
        else:
            gate = self._gate(_host(url))
            gate.paused_until = max(until, gate.paused_until)
        self._changed.notify_all()

    def _check_closed(self, url: str) -> None:
        left = self._closed.get(_ration(url), 0.0) - self._clock()
        if left > 0:
            raise UpstreamError(
                f"{urlsplit(url).netloc.rpartition('@')[2]}: its rate limit is used up; "
                f"it asked for no more {describe_wait(left)}",
                status=429,
                retry_after_s=left,
                hint="run again then: what has come stays",
            )

    def _check_stopped(self) -> None:
        if self._stopped:
            raise StoppedError

    def _gate(self, host: _Host) -> Gate:
        gate = self._gates.get(host)
        if gate is None:
            gate = self._gates[host] = Gate(most=self._most_per_host or 1)
        return gate


def _host(url: str) -> _Host:
    parts = urlsplit(url)
    return (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme)


def _ration(url: str) -> _Ration:
    """Return what a long silence is about: Docker Hub counts manifests, never blobs."""
    return _host(url), "/manifests/" in urlsplit(url).path
