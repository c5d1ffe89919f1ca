"""What a run of `lock` tells people beside its result."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Note"]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Note:
    """Something a person should know, and that is no error."""

    subject: str
    message: str

    def __str__(self) -> str:
        """Return `subject: message`."""
        return f"{self.subject}: {self.message}"
