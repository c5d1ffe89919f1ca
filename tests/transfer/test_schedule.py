"""The jobs of a run: order, help, failures that stop nobody, and a stop that ends everything."""

from __future__ import annotations

import threading

import pytest

from airgap.errors import PublishError
from airgap.net import Traffic
from airgap.net.failure import StoppedError
from airgap.transfer.schedule import run_jobs


class Job:
    def __init__(self, name: str, size: int, log: list[str], error: BaseException | None = None):
        self.name, self.size = name, size
        self._log, self._error = log, error

    def run(self) -> None:
        self._log.append(self.name)
        if self._error is not None:
            raise self._error

    def help(self) -> bool:
        return False


def test_largest_job_begins_first() -> None:
    log: list[str] = []
    jobs = [Job("small", 1, log), Job("large", 100, log), Job("middle", 10, log)]
    assert run_jobs(jobs, workers=1, traffic=Traffic()) == []
    assert log == ["large", "middle", "small"]


def test_failed_job_is_named_and_stops_no_other() -> None:
    log: list[str] = []
    error = PublishError("the disk is full")
    jobs = [Job("b", 2, log, error), Job("a", 3, log), Job("c", 1, log)]
    assert run_jobs(jobs, workers=2, traffic=Traffic()) == [("b", error)]
    assert sorted(log) == ["a", "b", "c"]


def test_idle_thread_helps_the_job_that_runs() -> None:
    class Large(Job):
        def __init__(self) -> None:
            super().__init__("large", 100, [])
            self.helped = threading.Event()

        def run(self) -> None:
            assert self.helped.wait(60)

        def help(self) -> bool:
            self.helped.set()
            return False

    large = Large()
    assert run_jobs([large], workers=2, traffic=Traffic()) == []
    assert large.helped.is_set()


def test_bug_in_a_job_is_raised_and_nothing_new_begins() -> None:
    log: list[str] = []
    jobs = [Job("bug", 9, log, ZeroDivisionError()), *(Job(str(n), 1, log) for n in range(50))]
    with pytest.raises(ZeroDivisionError):
        run_jobs(jobs, workers=1, traffic=Traffic())
    assert log == ["bug"]


def test_stopped_run_ends_every_stream() -> None:
    """Ctrl-C arrives in the thread that waits; the streams hear of it by their traffic."""
    traffic = Traffic()
    begun = threading.Event()

    class Endless(Job):
        def run(self) -> None:
            begun.set()
            while True:
                traffic.wait(0.05)

    class Interrupting(Job):
        def run(self) -> None:
            begun.wait(60)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_jobs(
            [Endless("endless", 2, []), Interrupting("ctrl-c", 1, [])], workers=2, traffic=traffic
        )
    with pytest.raises(StoppedError):
        traffic.wait(0.01)


def test_thread_that_helps_when_the_run_is_stopped_just_leaves() -> None:
    """Else Python prints its traceback over whatever Ctrl-C leaves on the terminal."""
    traffic = Traffic()
    helped = threading.Event()
    left: list[threading.ExceptHookArgs] = []

    class Large(Job):
        def run(self) -> None:
            assert helped.wait(60)
            raise KeyboardInterrupt

        def help(self) -> bool:
            helped.set()
            while True:
                traffic.wait(0.01)

    before = threading.excepthook
    threading.excepthook = left.append
    try:
        with pytest.raises(KeyboardInterrupt):
            run_jobs([Large("large", 2, [])], workers=2, traffic=traffic)
    finally:
        threading.excepthook = before
    assert left == []


def test_no_jobs_is_no_work() -> None:
    assert run_jobs([], workers=4, traffic=Traffic()) == []
