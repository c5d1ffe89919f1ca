"""What a practice Image Factory says instead of an answer.

The real one passes the whole chain of an error's causes through as one line of text, where it
passes anything through (statuses 400, 402 and 404; Image Factory v1.0.3, `frontend/http`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["RefusedError", "doing"]


class RefusedError(Exception):
    """A status and a line of plain text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Put what was being done before the text of a refusal in the block."""
    try:
        yield
    except RefusedError as error:
        raise RefusedError(error.status, f"{what}: {error}") from None
