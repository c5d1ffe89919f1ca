"""The jobs of one run, over all its images and boot assets: largest first, nobody idle.

A thread that finds no job left helps with the one that has most to come (ranges of one large blob
in parallel, where its peer does them). A job that fails does not stop the others: they are worth
having, and a person wants to hear all that is wrong at once. A bug or Ctrl-C stops everything; what
was under way is kept by its journal.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from airgap.errors import AirgapError
from airgap.net import StoppedError, Traffic
from airgap.transfer.pool import Failures

__all__ = ["Job", "run_jobs"]

_LOOK_EVERY_S = 0.1
_GRACE_S = 5.0


class Job(Protocol):
    """Something to move."""

    @property
    def name(self) -> str:
        """What failures call it."""

    @property
    def size(self) -> int:
        """Bytes it is expected to move."""

    def run(self) -> None:
        """Do it, once, in one thread."""

    def help(self) -> bool:
        """Take part from another thread while it runs; False when that is not worth it."""


def run_jobs(jobs: Sequence[Job], *, workers: int, traffic: Traffic) -> Failures:
    """Run jobs, and return the errors of those that failed, in the order given.

    Args:
        jobs: Each runs once.
        workers: How many threads.
        traffic: Told to stop when the run is stopped, so that every stream ends at once.
    """
    board = _Board(jobs)
    threads = [
        threading.Thread(target=_work, args=(board,), name=f"transfer-{number}", daemon=True)
        for number in range(min(workers, max(1, 2 * len(jobs))) if jobs else 0)
    ]
    for thread in threads:
        thread.start()
    try:
        board.wait()
    except BaseException:
        traffic.stop()
        board.stop()
        end = time.monotonic() + _GRACE_S
        for thread in threads:  # one that waits for a silent peer is left: its journal is written
            thread.join(max(0.0, end - time.monotonic()))
        raise
    for thread in threads:
        thread.join()
    return board.failures(jobs)


class _Board:
    """Which jobs wait, run and are done."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._waiting = sorted(jobs, key=lambda job: job.size)  # popped from its end
        self._running: list[Job] = []
        self._errors: dict[int, AirgapError] = {}
        self._bug: BaseException | None = None
        self._changed = threading.Condition()

    def take(self) -> Job | None:
        with self._changed:
            if not self._waiting or self._bug is not None:
                return None
            job = self._waiting.pop()
            self._running.append(job)
            return job

    def under_way(self) -> list[Job]:
        """Return the jobs that run, largest first."""
        with self._changed:
            return sorted(self._running, key=lambda job: -job.size)

    def done(self, job: Job, error: BaseException | None) -> None:
        with self._changed:
            self._running.remove(job)
            if isinstance(error, AirgapError):
                self._errors[id(job)] = error
            elif error is not None:
                self._bug = error
                self._waiting.clear()
            self._changed.notify_all()

    def is_over(self, wait_s: float = 0.0) -> bool:
        """Tell whether nothing runs or waits any more."""
        with self._changed:
            if wait_s and (self._running or self._waiting):
                self._changed.wait(wait_s)
            return not self._running and not self._waiting

    def wait(self) -> None:
        while not self.is_over(wait_s=0.5):  # short: Ctrl-C is heard between two waits
            if self._bug is not None:
                raise self._bug
        if self._bug is not None:
            raise self._bug

    def stop(self) -> None:
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()

    def failures(self, jobs: Sequence[Job]) -> Failures:
        return [(job.name, self._errors[id(job)]) for job in jobs if id(job) in self._errors]


def _work(board: _Board) -> None:
    while job := board.take():
        error: BaseException | None = None
        try:
            job.run()
        except BaseException as failure:  # noqa: BLE001 (handed to the thread that waits)
            error = failure
        board.done(job, error)
    with suppress(StoppedError):
        while not board.is_over():
            if not any(job.help() for job in board.under_way()):
                board.is_over(wait_s=_LOOK_EVERY_S)
