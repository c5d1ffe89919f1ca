"""What a site names by file is read, and what is wrong with it is collected."""

from __future__ import annotations

from collections.abc import Callable

from airgap.errors import Fault
from airgap.site.path import Step, dotted, shown

__all__ = ["NamedFiles"]


class NamedFiles:
    """Reads files through the function the caller gives: this room touches no disk.

    Args:
        read: Returns the bytes of a file, by its path relative to the stack file.
    """

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self._read = read
        self.faults: list[Fault] = []

    def text(self, file: str, at: tuple[Step, ...], *, max_bytes: int, expected: str) -> str | None:
        """Return a file's text; None, and a fault, where it cannot be read or is too long."""
        try:
            data = self._read(file)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            self.add(at, f"{shown(file)} cannot be read: {reason}", "paths start at the stack file")
            return None
        if len(data) > max_bytes:
            self.add(at, f"{shown(file)} is over {max_bytes} bytes", expected)
            return None
        return data.decode("utf-8", errors="replace")

    def add(self, at: tuple[Step, ...], message: str, hint: str) -> None:
        """Collect a fault."""
        self.faults.append(Fault(path=dotted(at), message=message, hint=hint))
