"""Compares what a site said that it holds with what a lock says that it should: drift, offline.

What is only in the receipt is there because of another lock, or was kept: it is told, and no harm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from airgap.lock.model import Lock
from airgap.oci.reference import parse_reference
from airgap.plan.artifacts import artifact_digests
from airgap.receipt.model import Altered, HeldAsset, HeldImage, Receipt
from airgap.receipt.text import lock_digest

__all__ = ["Comparison", "Difference", "compare_receipt"]

How = Literal["missing", "different", "extra"]
Kind = Literal["image", "factory image", "boot asset"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One item that is not at the site as the lock has it.

    Attributes:
        expected: The lock's digest; empty where it does not name the item.
        found: What the receipt says: a digest, or a fault; empty where it does not name the item.
    """

    how: How
    kind: Kind
    item: str
    expected: str = ""
    found: str = ""

    def __str__(self) -> str:
        """Return `how: kind item: …` in one line."""
        digests = {
            "missing": f"expected {self.expected}",
            "different": f"expected {self.expected}, found {self.found}",
            "extra": self.found,
        }
        return f"{self.how}: {self.kind} {self.item}: {digests[self.how]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A receipt beside a lock.

    Attributes:
        is_same_lock: Whether the receipt was made with this very lock.
        differences: Missing and different ones first, in the order of images and assets.
    """

    is_same_lock: bool
    differences: tuple[Difference, ...]

    @property
    def is_drift(self) -> bool:
        """Whether something is missing or different; what is there beyond the lock is none."""
        return any(item.how != "extra" for item in self.differences)


def compare_receipt(receipt: Receipt, lock: Lock) -> Comparison:
    """Return how a site differed from a lock when it made the receipt.

    Images of the factory are compared where the receipt has any: whether a site publishes them a
    second time is the site's to say, and the receipt was made from it.
    """
    wanted = _digests({text: pin.digest for text, pin in lock.images.items()})
    factory = _digests(artifact_digests(lock)) if receipt.factory_images else {}
    assets = {name: (pin.sha256, pin.sha512) for name, pin in lock.assets.items()}
    found = [
        *_images("image", wanted, receipt.images),
        *_images("factory image", factory, receipt.factory_images),
        *_assets(assets, receipt.assets),
    ]
    found.sort(key=lambda item: item.how == "extra")
    is_same = receipt.lock == lock_digest(lock)
    return Comparison(is_same_lock=is_same, differences=tuple(found))


def _digests(pins: Mapping[str, str]) -> dict[str, str]:
    """Return digests by `registry/repository:tag`, or `…@digest` where there is no tag."""
    digests = {}
    for text, digest in pins.items():
        reference = parse_reference(text)
        tail = f":{reference.tag}" if reference.tag else f"@{digest}"
        digests[f"{reference.name}{tail}"] = digest
    return digests


def _images(
    kind: Kind, wanted: Mapping[str, str], held: Mapping[str, HeldImage | Altered]
) -> Iterator[Difference]:
    for item, expected in wanted.items():
        found = held.get(item)
        said = found.digest if isinstance(found, HeldImage) else _fault(found)
        if said != expected:
            yield _difference(kind, item, expected, said)
    for item, found in held.items():
        if item not in wanted and isinstance(found, HeldImage):
            yield Difference(how="extra", kind=kind, item=item, found=found.digest)


def _assets(
    wanted: Mapping[str, tuple[str, str]], held: Mapping[str, HeldAsset | Altered]
) -> Iterator[Difference]:
    for item, (sha256, sha512) in wanted.items():
        found = held.get(item)
        if isinstance(found, HeldAsset) and (found.sha256, found.sha512) == (sha256, sha512):
            continue
        said = found.sha256 if isinstance(found, HeldAsset) else _fault(found)
        yield _difference("boot asset", item, sha256, said)
    for item, found in held.items():
        if item not in wanted and isinstance(found, HeldAsset):
            yield Difference(how="extra", kind="boot asset", item=item, found=found.sha256)


def _fault(found: Altered | object) -> str:
    return found.fault if isinstance(found, Altered) else "missing"


def _difference(kind: Kind, item: str, expected: str, said: str) -> Difference:
    if said == "missing":
        return Difference(how="missing", kind=kind, item=item, expected=expected)
    return Difference(how="different", kind=kind, item=item, expected=expected, found=said)
