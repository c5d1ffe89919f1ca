"""What a refresh has found: the state says one thing, and reality another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airgap.report.amounts import Link, count_transfer
from airgap.report.changes import Changes
from airgap.report.model import Amount, Reach, Transfer
from airgap.report.scene import Scene
from airgap.report.wording import count_words, join_words, quote

__all__ = ["count_repair", "find_drift_reach", "write_drift"]

_GONE = "missing"
_REPAIR = (
    "`pulumi refresh` and then `pulumi up` (or `pulumi up --refresh`) repairs what drifted. This "
    "has only looked: by the state there is nothing to repair, and `pulumi up` alone does nothing."
)


def write_drift(changes: Changes) -> str:
    """Return what has drifted, in one sentence."""
    objects = [change for change in changes.objects if change.kind != "resource"]
    others = [change for change in changes.objects if change.kind == "resource"]
    counts = (
        (len(changes.images), "image", "images"),
        (len(changes.assets), "boot asset", "boot assets"),
        (len(changes.files), "file", "files"),
        (len(objects), "setting", "settings"),
        (len(others), "other resource", "other resources"),
    )
    told = [count_words(count, one, many) for count, one, many in counts if count]
    if not told:
        return "No drift: everything is as the state has it."
    verb, them = ("is", "it") if sum(count for count, _, _ in counts) == 1 else ("are", "them")
    return f"Drift: {join_words(told)} {verb} not as the state has {them}."


def count_repair(base: Scene, head: Scene, links: Sequence[Link]) -> Transfer:
    """Return what the next `up` puts back, from the store that is there."""
    repair = count_transfer(head, base, links)
    nothing = Amount(size_bytes=0)
    note = "What is pushed is what `up` puts back after a refresh."
    return Transfer(fetch=nothing, carry=nothing, push=repair.push, notes=(note,))


def find_drift_reach(changes: Changes) -> Reach:
    """Return whom drift reaches: whoever asks for what is not there, or is something else."""
    return Reach(
        provisioned=tuple(_booting(changes)),
        running=(_REPAIR,) if not changes.is_empty else (),
        pulls=tuple(_pulling(changes)),
    )


def _booting(changes: Changes) -> Iterator[str]:
    if broken := [f"{quote(asset.name)} ({asset.new or _GONE})" for asset in changes.assets]:
        yield (
            f"Sidero fetches no sound {join_words(broken)} when it next has to: servers that need "
            "it do not boot. What its manager has already stays."
        )


def _pulling(changes: Changes) -> Iterator[str]:
    gone: list[str] = []
    others: list[str] = []
    for image in changes.images:
        tags = ", ".join(pin.tag for pin in image.old if pin.tag)
        name = quote(f"{image.repository}:{tags}") if tags else quote(image.repository)
        is_gone = any(not pin.tag and pin.digest == _GONE for pin in image.new) or not image.new
        (gone if is_gone else others).append(name)
    if gone:
        yield f"Pulls of {join_words(gone)} fail where a machine has not got them."
    if others:
        yield (
            f"Pulls of {join_words(others)} by tag get what somebody else has put there: look who."
        )
