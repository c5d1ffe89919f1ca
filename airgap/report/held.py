"""What a site said that it holds, beside the lock that it should hold: drift, seen from outside."""

from __future__ import annotations

from airgap.lock.model import Lock
from airgap.receipt import Receipt, compare_receipt
from airgap.report.masking import mask_text
from airgap.report.model import KeyChange
from airgap.report.wording import count_words

__all__ = ["compare_held", "held_words"]


def compare_held(receipt: Receipt, lock: Lock) -> tuple[KeyChange, ...]:
    """Return what is missing or another by a receipt; what is there beyond the lock is no drift."""
    return tuple(
        KeyChange(
            path=mask_text(f"{item.kind} {item.item}"),
            old=item.expected,
            new=mask_text(item.found) if item.found else None,
        )
        for item in compare_receipt(receipt, lock).differences
        if item.how != "extra"
    )


def held_words(receipt: Receipt, drift: tuple[KeyChange, ...]) -> str:
    """Return the receipt's word in a sentence."""
    told = f"lacks {count_words(len(drift), 'thing')}" if drift else "has all"
    return f"By its receipt of {receipt.made_at} the site {told} of what the base's lock names."
