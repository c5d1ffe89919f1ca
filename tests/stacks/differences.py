"""What an operation changed, key by key, from the engine's own events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tests.engine.result import Json, Result

__all__ = ["ABSENT", "Difference", "differences", "drift", "operations"]

Path = tuple[str, ...]
Difference = Mapping[Path, tuple[Json, Json]]
ABSENT = "(absent)"


def operations(result: Result) -> dict[str, str]:
    """Return the operation of each resource that an operation (would have) changed, by name."""
    return {step.name: step.operation for step in result.steps if step.operation != "same"}


def differences(result: Result) -> dict[str, Difference]:
    """Return what each updated resource's inputs were and are, by name and then by path.

    A whole new or removed entry counts as one change; `__provider` is the engine's business.
    """
    return {
        step.name: dict(_compare((), step.old_inputs, step.new_inputs))
        for step in result.steps
        if step.operation == "update"
    }


def drift(result: Result) -> dict[str, Difference]:
    """Return what a refresh found: what each resource's inputs were, and what is really there."""
    found: dict[str, Difference] = {}
    for event in result.events:
        metadata = event.get("resOutputsEvent", {}).get("metadata", {})
        old, new = (metadata.get(key) or {} for key in ("old", "new"))
        changes = dict(_compare((), old.get("inputs") or {}, new.get("inputs") or {}))
        if changes:
            found[metadata["urn"].rpartition("::")[2]] = changes
    return found


def _compare(path: Path, old: Json, new: Json) -> Iterator[tuple[Path, tuple[Json, Json]]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new} - {"__provider"}):
            yield from _compare((*path, key), old.get(key, ABSENT), new.get(key, ABSENT))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _compare((*path, str(index)), before, after)
    elif old != new:
        yield path, (old, new)
