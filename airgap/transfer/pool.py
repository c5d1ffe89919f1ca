"""Independent items in a bounded pool of threads.

An item that fails does not stop the others: they are worth having, and a person wants to hear all
that is wrong at once. A bug or Ctrl-C stops everything not yet begun, and leaves what waits for a
silent peer.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from contextlib import suppress
from typing import TypeVar

from airgap.errors import AirgapError, TransferError

__all__ = ["DEFAULT_WORKERS", "Failures", "run_each"]

T = TypeVar("T")
DEFAULT_WORKERS = 8
_GRACE_S = 5.0

Failures = list[tuple[str, AirgapError]]


def run_each(
    items: Sequence[str],
    operation: Callable[[str], T],
    *,
    workers: int = DEFAULT_WORKERS,
    interrupted: Callable[[], object] | None = None,
) -> tuple[dict[str, T], Failures]:
    """Run an operation for each item; begun in order, at most `workers` at a time.

    Args:
        items: What is handed to the operation.
        operation: What is done with each.
        workers: How many threads.
        interrupted: Called on a bug or Ctrl-C, to end what is under way and would take long.

    Returns:
        The results of those that succeeded, and the errors of those that failed, both in order.
    """

    def guarded(item: str) -> T | AirgapError:
        try:
            return operation(item)
        except TransferError:
            raise
        except AirgapError as error:
            return error

    results: dict[str, T] = {}
    failures: Failures = []
    for item, outcome in zip(items, _run(items, guarded, workers, interrupted), strict=True):
        if isinstance(outcome, AirgapError):
            failures.append((item, outcome))
        else:
            results[item] = outcome
    return results, failures


def _run(
    items: Sequence[str],
    operation: Callable[[str], T],
    workers: int,
    interrupted: Callable[[], object] | None,
) -> list[T]:
    futures: list[Future[T]] = [Future() for _ in items]
    waiting = deque(zip(futures, items, strict=True))

    def work() -> None:
        with suppress(IndexError):
            while True:
                future, item = waiting.popleft()
                try:
                    future.set_result(operation(item))
                except BaseException as error:  # noqa: BLE001 (handed to the thread that waits)
                    future.set_exception(error)

    threads = [
        threading.Thread(target=work, name=f"transfer-{number}", daemon=True)
        for number in range(min(workers, len(items)))
    ]
    try:
        for thread in threads:
            thread.start()
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()  # raises what one of them met
        return [future.result() for future in futures]
    except BaseException:
        waiting.clear()
        if interrupted is not None:
            interrupted()
        end = time.monotonic() + _GRACE_S
        for thread in filter(threading.Thread.is_alive, threads):  # a silent peer's is left
            thread.join(max(0.0, end - time.monotonic()))
        raise
