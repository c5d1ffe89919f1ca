"""The receipt: what a site holds, said without secrets, to be carried out and committed."""

from airgap.receipt.comparison import Comparison, Difference, compare_receipt
from airgap.receipt.model import RECEIPT_VERSION, Altered, HeldAsset, HeldImage, Receipt
from airgap.receipt.text import format_receipt, lock_digest, parse_receipt

__all__ = [
    "RECEIPT_VERSION",
    "Altered",
    "Comparison",
    "Difference",
    "HeldAsset",
    "HeldImage",
    "Receipt",
    "compare_receipt",
    "format_receipt",
    "lock_digest",
    "parse_receipt",
]
