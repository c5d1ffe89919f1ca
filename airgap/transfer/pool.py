"""Independent items in a bounded pool of threads.

An item that fails does not stop the others: they are worth having, and a person wants to hear all
that is wrong at once. A bug or Ctrl-C stops everything not yet begun.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from airgap.errors import AirgapError, TransferError

__all__ = ["DEFAULT_WORKERS", "Failures", "run_each"]

T = TypeVar("T")
DEFAULT_WORKERS = 8

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
    if not items:
        return []
    with ThreadPoolExecutor(min(workers, len(items)), thread_name_prefix="transfer") as pool:
        futures: list[Future[T]] = [pool.submit(operation, item) for item in items]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
            return [future.result() for future in futures]
        except BaseException:
            if interrupted is not None:
                interrupted()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
