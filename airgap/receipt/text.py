"""The receipt's canonical text: sorted keys, indent 2, UTF-8, one final newline.

Reading is strict and gated by version, as the lock's is: it was carried by people.
"""

from __future__ import annotations

import hashlib
import json

from pydantic import ValidationError

from airgap.errors import AirgapError
from airgap.lock.model import Lock
from airgap.lock.text import format_lock
from airgap.receipt.model import RECEIPT_VERSION, Receipt

__all__ = ["format_receipt", "lock_digest", "parse_receipt"]

_MOST_FAULTS = 3


def lock_digest(lock: Lock) -> str:
    """Return the sha256 of a lock's file: of its canonical text, whatever git made of line ends."""
    return f"sha256:{hashlib.sha256(format_lock(lock).encode()).hexdigest()}"


def format_receipt(receipt: Receipt) -> str:
    """Return the canonical text; equal receipts have equal text."""
    tree = receipt.model_dump(mode="json", by_alias=True)
    return json.dumps(tree, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def parse_receipt(text: str, *, source: str = "receipt", name: str = "<site>") -> Receipt:
    """Read a receipt; `parse_receipt(format_receipt(receipt)) == receipt`.

    Args:
        text: The receipt.
        source: What it is called in errors.
        name: The site's name, for the command to run.

    Raises:
        AirgapError: No JSON, another version, or anything in it that cannot be.
    """
    hint = f"make it again inside: python -m airgap receipt {name}"
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError):
        raise AirgapError(f"{source}: no JSON", hint=hint) from None
    version = document.get("receiptVersion") if isinstance(document, dict) else None
    if version != RECEIPT_VERSION:
        message = f"{source}: this release reads version {RECEIPT_VERSION} (receiptVersion), "
        if version is None:
            raise AirgapError(f"{message}and none is given", hint=hint)
        hint = "the same release of this project reads and writes it"
        raise AirgapError(f"{message}not {version!r}", hint=hint)
    try:
        return Receipt.model_validate(document)
    except ValidationError as error:
        found = [
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False)
        ]
        more = "; …" if len(found) > _MOST_FAULTS else ""
        listed = "; ".join(found[:_MOST_FAULTS]) + more
        raise AirgapError(f"{source}: no receipt: {listed}", hint=hint) from None
