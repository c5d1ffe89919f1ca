"""A receipt as it was carried out: from a file, and of one site."""

from __future__ import annotations

from pathlib import Path

from airgap.errors import AirgapError
from airgap.receipt import Receipt, parse_receipt

__all__ = ["read_receipt"]

_MAX_BYTES = 64 * 1024 * 1024


def read_receipt(file: Path, site: str) -> Receipt:
    """Return a site's receipt.

    Raises:
        AirgapError: It is none, or of another site.
    """
    told = parse_receipt(_text_of(file), source=str(file), name=site)
    if told.site != site:
        raise AirgapError(
            f"{file}: it is of the site {told.site!r}", hint=f"expected one of the site {site!r}"
        )
    return told


def _text_of(file: Path) -> str:
    try:
        with file.open("rb") as source:
            data = source.read(_MAX_BYTES + 1)
    except OSError as error:
        raise AirgapError(f"{file}: cannot be read: {error.strerror}") from None
    if len(data) > _MAX_BYTES:
        raise AirgapError(f"{file}: larger than 64 MiB")
    return data.decode("utf-8", errors="replace")
