"""Content digests as the OCI image specification v1.1 writes them: `<algorithm>:<hex>`.

sha256 is the one identity in this project; sha512 is known for boot assets beside it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal, cast

from airgap.errors import IntegrityError

__all__ = ["Algorithm", "Digest", "is_digest", "sha256_of"]

Algorithm = Literal["sha256", "sha512"]

_LENGTH: dict[str, int] = {"sha256": 64, "sha512": 128}
_FORM = re.compile(r"(sha256|sha512):([0-9a-f]+)\Z")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A digest by algorithm (`sha256`, `sha512`) and lower-case hex."""

    algorithm: Algorithm
    hex: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read `sha256:<64 hex>` or `sha512:<128 hex>`.

        Raises:
            IntegrityError: The text has another form.
        """
        match = _FORM.match(text)
        if match is None or len(match[2]) != _LENGTH[match[1]]:
            raise IntegrityError(f"{text!r} is not a digest: expected sha256:<64 hex digits>")
        return cls(cast("Algorithm", match[1]), match[2])

    def __str__(self) -> str:
        """Return `<algorithm>:<hex>`."""
        return f"{self.algorithm}:{self.hex}"

    @property
    def short(self) -> str:
        """The first 12 hex digits, for display only."""
        return self.hex[:12]


def is_digest(text: str) -> bool:
    """Tell whether the text has the form of a digest."""
    match = _FORM.match(text)
    return match is not None and len(match[2]) == _LENGTH[match[1]]


def sha256_of(data: bytes) -> Digest:
    """Return the sha256 digest of bytes in memory."""
    return Digest("sha256", hashlib.sha256(data).hexdigest())
