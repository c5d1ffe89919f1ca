"""Engine events made fit to be committed: what a report reads, at the example site's addresses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airgap.lock import Lock, write_lock

__all__ = ["EVENTS", "write_recording"]

EVENTS = Path(__file__).parent / "events"


def write_recording(events: str, lock: Lock, places: Mapping[str, str], name: str) -> None:
    """Write a recording for the golden reports.

    Args:
        events: The engine's own, a line each.
        lock: The site's.
        places: The committed addresses, and where they were when this was recorded.
        name: Of the file.
    """
    found = [json.loads(line) for line in events.splitlines()]
    is_preview = any(_operation(event) not in ("", "refresh") for event in found)
    steps = ("resourcePreEvent", "policyEvent") if is_preview else ("resOutputsEvent",)
    kinds = (*steps, "summaryEvent")
    lines = (_reduced(event, kinds) for event in found)
    text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines if line)
    committed: dict[str, str] = {}
    for address, place in places.items():
        committed.setdefault(place, address)
    committed[places["127.0.0.1:15444"]] = "artifacts.berlin.example"  # the mirror's host alone
    for place in sorted(committed, key=len, reverse=True):
        text = text.replace(place, committed[place])
    EVENTS.mkdir(exist_ok=True)
    (EVENTS / f"{name}.ndjson").write_text(text, encoding="utf-8")
    write_lock(EVENTS / f"{name}.lock.json", lock)


def _operation(event: Mapping[str, Any]) -> str:
    return str(event.get("resourcePreEvent", {}).get("metadata", {}).get("op", ""))


def _reduced(event: Mapping[str, Any], kinds: Sequence[str]) -> dict[str, Any] | None:
    """Return what a report reads of an event; nothing of one that it does not read."""
    kind = next((kind for kind in kinds if kind in event), None)
    if kind is None:
        return None
    body = dict(event[kind])
    if kind == "summaryEvent":  # without what each run has of its own: its time, paths of packs
        return {kind: {key: body[key] for key in ("isPreview", "resourceChanges", "result")}}
    if "metadata" in body:
        metadata = dict(body["metadata"])
        if metadata["type"].startswith("pulumi:"):
            return None
        for side in ("old", "new"):
            if metadata.get(side):
                metadata[side] = {"inputs": metadata[side].get("inputs", {})}
        kept = ("op", "urn", "type", "old", "new", "detailedDiff")
        body = {"metadata": {key: metadata[key] for key in kept if key in metadata}}
    return {kind: body}
