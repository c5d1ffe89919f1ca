"""Words of a report, the same in every form: digests shortened, counts with their noun, lists."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from airgap.progress.words import count_bytes, say_time
from airgap.report.model import Amount, Basis, NeedChange, Pin, PlatformChange

__all__ = [
    "BASIS_WORDS",
    "CODE",
    "DRIFT",
    "KIND_WORDS",
    "LONG",
    "NEED_WORDS",
    "SITE_KEYS",
    "SITE_KEYS_TOLD",
    "amount_words",
    "count_words",
    "join_words",
    "need_words",
    "pin_words",
    "platform_words",
    "quote",
    "short",
    "time_words",
    "unfinished_words",
    "visible",
]

KIND_WORDS = {
    "site": "Site",
    "registry": "Registry",
    "mirror": "Registry mirror",
    "assetMirror": "Asset mirror",
    "imageFactory": "Image Factory",
    "sidero": "Sidero",
    "environment": "Environment",
    "serverClass": "Server class",
    "resource": "Resource",
}

BASIS_WORDS = {
    "locks": "Site and lock of both are compared; no engine, backend or network was asked. What "
    "the stack's state holds may differ.",
    "preview": "The engine's own preview is told: compared with the stack's state.",
    "refresh": "The engine's refresh is told: it looked, and nothing is changed by it.",
}

NEED_WORDS = {
    "talos": "Talos",
    "kubernetes": "Kubernetes",
    "extensions": "System extensions",
    "factory": "Image Factory",
    "sidero": "Sidero",
    "workloads": "Workloads",
    "signatures": "Signatures and attestations",
}

DRIFT = "What the site lacks by its receipt"
SITE_KEYS = "Other keys of the stack file"
SITE_KEYS_TOLD = (
    "What it says and nothing else here does, such as where bytes come from and how they are moved."
)

LONG = re.compile(r"\b((?:sha256|sha512):)?([0-9a-f]{64}(?:[0-9a-f]{64})?)\b")
_DIGITS = 12
_HIDDEN = {"Cc", "Cf", "Cs", "Co"}
CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
"""What stands in backticks: its second group."""


def short(text: str) -> str:
    """Return a text whose digests and schematic IDs have their first twelve digits only."""
    return LONG.sub(lambda match: f"{match[1] or ''}{match[2][:_DIGITS]}…", text)


def quote(text: str) -> str:
    """Return a name as code within a sentence, whatever it holds: the fence is longer than it."""
    text = visible(" ".join(text.split()))
    runs = [len(run) for run in re.findall("`+", text)]
    fence = "`" * (max(runs, default=0) + 1)
    return f"{fence} {text} {fence}" if runs else f"{fence}{text}{fence}" if text else '`""`'


def visible(text: str) -> str:
    """Return a text whose control and format characters are read: none turns or hides a word."""
    return "".join(map(_visible, text)) if not text.isprintable() else text


def _visible(character: str) -> str:
    if character in "\t\n\r" or unicodedata.category(character) not in _HIDDEN:
        return character
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def pin_words(pin: Pin) -> str:
    """Return `v1.2.3 @ sha256:0123456789ab…`."""
    return f"{pin.tag} @ {short(pin.digest)}" if pin.tag else short(pin.digest)


def count_words(count: int, noun: str, plural: str = "") -> str:
    """Return `1 image`, `2 images`."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def join_words(words: Sequence[str], last: str = " and ") -> str:
    """Return `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])}{last}{words[-1]}"


def amount_words(amount: Amount) -> str:
    """Return bytes for people: `at most 12.3 MiB`, `nothing`, `not known`."""
    if amount.size_bytes is None:
        return "not known"
    return f"at most {count_bytes(amount.size_bytes)}" if amount.size_bytes else "nothing"


def time_words(amount: Amount) -> str:
    """Return the times: `9 s at 1Gbit/s`."""
    return ", ".join(
        f"{say_time(each.seconds) if each.seconds >= 1 else 'under 1 s'} at {each.link}"
        for each in amount.durations
    )


def unfinished_words(basis: Basis) -> str:
    """Return that the engine stopped early, and why."""
    why = basis.unfinished.rstrip(".")
    return f"the engine stopped early: {why}. What it did not come to is not here."


def platform_words(change: PlatformChange) -> str:
    """Return `12 images that stay: platform linux/arm64 more, at most 120.0 MiB`."""
    images = count_words(change.images, "image that stays", "images that stay")
    way = "more" if change.mark == "added" else "less"
    size = count_bytes(change.size_bytes)
    return f"{images}: platform {quote(change.platform)} {way}, at most {size}."


def need_words(change: NeedChange) -> str:
    """Return what an image that stays is needed by, before and now."""
    old, new = (NEED_WORDS.get(need, need) for need in (change.old, change.new))
    name = f"{change.repository}:{change.pin.tag}" if change.pin.tag else change.repository
    return f"{quote(name)} stays as it is, now needed by {new} and no more by {old}."
