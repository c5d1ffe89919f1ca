"""Every error this project raises on purpose, in one tree, branched by who has to act.

`str(error)` is one line. `diagnostics()` adds what to do next, for a terminal or a CI log.
The floor of the import graph: this module imports nothing of the project.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

__all__ = [
    "AirgapError",
    "FactoryError",
    "Fault",
    "IntegrityError",
    "LockError",
    "PublishError",
    "RegistryError",
    "SignatureError",
    "SiteError",
    "TransferError",
    "UpstreamError",
    "redact",
]


def redact(url: str) -> str:
    """Return the URL without user information, query values or fragment."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    query = "…" if parts.query else ""
    return urlunsplit((parts.scheme, host, parts.path, query, ""))


class AirgapError(Exception):
    """Root of the tree.

    Args:
        message: One line: the subject, what was found, what was expected.
        hint: What to do next, as a sentence or a command; empty when the message says it all.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def diagnostics(self) -> str:
        """Return the message and, indented below it, what to do next."""
        return f"{self.message}\n  → {self.hint}" if self.hint else self.message


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong in a document: where (dotted path), what, and what to do."""

    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """Return `path: message (hint)`."""
        return f"{self.path}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class _FaultyDocumentError(AirgapError):
    """A document with faults: all of them at once, each with its path."""

    def __init__(self, document: str, faults: Sequence[Fault], *, hint: str = "") -> None:
        self.document = document
        self.faults = tuple(faults)
        count = len(self.faults)
        noun = "fault" if count == 1 else "faults"
        summary = f"{document}: {count} {noun}: " + "; ".join(str(fault) for fault in self.faults)
        super().__init__(summary, hint=hint)

    def diagnostics(self) -> str:
        """Return one line a fault, then the hint."""
        lines = [f"{self.document}:", *(f"  {fault}" for fault in self.faults)]
        return "\n".join([*lines, f"  → {self.hint}"] if self.hint else lines)


class SiteError(_FaultyDocumentError):
    """The site's description is wrong: its author acts."""


class LockError(_FaultyDocumentError):
    """The lock is missing, damaged or does not fit its site: `lock` has to run."""


class UpstreamError(AirgapError):
    """A peer could not be reached or answered wrongly.

    Args:
        message: One line, with the URL redacted.
        status: The HTTP status answered; 0 when there was no answer.
        retryable: Whether the same request may succeed later.
        retry_after_s: How long the peer asked to wait; None when it did not say.
        hint: What to do next.

    Attributes:
        request_id: What the peer calls the request in its log (X-Request-ID), if it says so.
    """

    request_id = ""

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        retryable: bool = False,
        retry_after_s: float | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.retryable = retryable
        self.retry_after_s = retry_after_s


class IntegrityError(AirgapError):
    """Bytes do not have the digest or the size they were promised with.

    Never retried against the same bytes.
    """


class SignatureError(AirgapError):
    """A signature does not hold, or is not of whom the site requires."""


class RegistryError(UpstreamError):
    """A registry refused or misunderstood a request."""


class FactoryError(UpstreamError):
    """An Image Factory refused a request, or answered with another schematic ID."""


class PublishError(AirgapError):
    """A destination on disk cannot take what should be published there."""


class TransferError(AirgapError):
    """Some independent items of one transfer failed; all the others are done.

    The one line names the first few; `diagnostics()` has a line an item.

    Attributes:
        failures: The items by name, each with its own error, in the order of the transfer.
    """

    FIRST = 3

    def __init__(self, what: str, failures: Sequence[tuple[str, AirgapError]]) -> None:
        self.failures = tuple(failures)
        count = len(self.failures)
        listed = [f"{item}: {error.message}" for item, error in self.failures[: self.FIRST]]
        if count > self.FIRST:
            listed.append(f"and {count - self.FIRST} more")
        self.summary = f"{what}: {count} {'item' if count == 1 else 'items'} failed"
        hints = [error.hint for _, error in self.failures if error.hint]
        super().__init__(
            f"{self.summary}: {'; '.join(listed)}", hint="; ".join(dict.fromkeys(hints))
        )

    def diagnostics(self) -> str:
        """Return one line an item, then what to do next."""
        lines = [f"{self.summary}:"]
        lines += [f"  {item}: {error.message}" for item, error in self.failures]
        return "\n".join([*lines, f"  → {self.hint}"] if self.hint else lines)
