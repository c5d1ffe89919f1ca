"""Which pins an author asks to move."""

from __future__ import annotations

from collections.abc import Collection

from airgap.errors import Fault, SiteError

__all__ = ["Upgrade"]

_HUB_PREFIXES = ("", "docker.io/", "docker.io/library/")


class Upgrade:
    """The answer to `--upgrade [REF…]`.

    Args:
        asked: References, repositories or asset keys (`v1.11.5/vmlinuz-amd64`); empty for all
            pins, None for no pin.
        known: The keys of everything that is or was pinned.

    Raises:
        SiteError: Something asked for is not among the known.
    """

    def __init__(self, asked: Collection[str] | None, *, known: Collection[str]) -> None:
        self._all = asked is not None and not asked
        self._keys: set[str] = set()
        faults = []
        for text in asked or ():
            keys = _match(text, known)
            self._keys |= keys
            if not keys:
                hint = "give a reference, a repository or an asset as the lock has it"
                faults.append(Fault(path="--upgrade", message=f"nothing is {text!r}", hint=hint))
        if faults:
            raise SiteError("upgrade", faults)

    def moves(self, key: str) -> bool:
        """Tell whether a pin is to be resolved anew."""
        return self._all or key in self._keys


def _match(text: str, known: Collection[str]) -> set[str]:
    """Return the keys meant by a text: itself, or every tag of a repository."""
    names = {prefix + text for prefix in _HUB_PREFIXES}
    return {key for key in known if key in names or _repository(key) in names}


def _repository(key: str) -> str:
    name = key.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0]
