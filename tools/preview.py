"""What `pulumi preview` says, as text: from the events that it prints instead.

`PULUMI_ENABLE_STREAMING_JSON_PREVIEW=true pulumi preview --json` (Pulumi 3.250) prints one event a
line, while it runs, and what goes wrong before it begins as plain text. Only the report of `python
-m airgap report --events` tells values; here are the operations, what policies say, and errors. Of
the events nothing else is kept: those for debugging hold what resources were given.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from airgap.report.masking import mask_text

__all__ = ["STREAMING", "Said", "read_said"]

STREAMING = "PULUMI_ENABLE_STREAMING_JSON_PREVIEW"
"""The variable that makes `preview --json` print events; no flag for debugging is needed."""

_STACK = "pulumi:pulumi:Stack"
_PROVIDERS = "pulumi:providers:"
_MAX_PLAIN = 200
"""Lines that are no event; a Pulumi that knows no streaming prints one document of any length."""

Values = Mapping[str, object]
Kind = Literal["error", "refusal", "note", "step", "count"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the engine said, each in its order; nothing that looks like a secret is in it.

    Attributes:
        errors: What it stopped at, and what came as plain text: mostly why it did not begin.
        refusals: What policies refuse.
        notes: What else policies, program and providers say.
        steps: What would be done to resources, `same` left out.
        counts: How many resources there are by operation.
    """

    errors: tuple[str, ...]
    refusals: tuple[str, ...]
    notes: tuple[str, ...]
    steps: tuple[str, ...]
    counts: tuple[str, ...]

    @property
    def trouble(self) -> str:
        """Why it failed, as far as it says."""
        return "\n".join((*self.errors, *self.refusals))

    @property
    def text(self) -> str:
        """All of it, what stops first."""
        parts = (self.errors, self.refusals, self.notes, self.steps, self.counts)
        return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def read_said(lines: Iterable[str], more: str = "") -> Said:
    """Return what was said.

    Args:
        lines: What was printed: events, one a line, among lines that are none.
        more: What was printed as errors.
    """
    told: dict[Kind, list[str]] = {
        "error": [], "refusal": [], "note": [], "step": [], "count": [],
    }  # fmt: skip
    plain: list[str] = []
    for line in lines:
        event = _event(line)
        if event is None:
            plain += [line] if len(plain) < _MAX_PLAIN else []
        for kind, text in _read(event or {}):
            told[kind].append(mask_text(text))
    told["error"] += [mask_text(text.strip()) for text in (*plain, more) if text.strip()]
    return Said(
        errors=tuple(told["error"]),
        refusals=tuple(told["refusal"]),
        notes=tuple(told["note"]),
        steps=tuple(told["step"]),
        counts=tuple(told["count"]),
    )


def _event(line: str) -> Values | None:
    try:
        event: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, Mapping) else None


def _read(event: Values) -> Iterator[tuple[Kind, str]]:
    """Yield what an event says to people; most say nothing."""
    yield from _diagnostic(_part(event, "diagnosticEvent"))
    yield from _policy(_part(event, "policyEvent"))
    yield from _step(_part(_part(event, "resourcePreEvent"), "metadata"))
    counts = _part(_part(event, "summaryEvent"), "resourceChanges")
    if counts:
        told = ", ".join(f"{count} {operation}" for operation, count in counts.items())
        yield "count", f"resources: {told}"


def _diagnostic(event: Values) -> Iterator[tuple[Kind, str]]:
    """Yield a message; not those for debugging, nor what is shown but for a moment."""
    severity = _text(event, "severity")
    if severity not in ("", "debug") and not event.get("ephemeral"):
        prefix = _text(event, "prefix") or f"{severity}:"
        message = f"{prefix} {_text(event, 'message')}"
        yield "error" if severity == "error" else "note", message


def _policy(event: Values) -> Iterator[tuple[Kind, str]]:
    if event:
        level = _text(event, "enforcementLevel")
        title = f"[{level}] {_text(event, 'policyName')} ({_name(_text(event, 'resourceUrn'))})"
        lines = (f"  {line}" for line in _text(event, "message").splitlines())
        yield "refusal" if level == "mandatory" else "note", "\n".join((title, *lines))


def _step(metadata: Values) -> Iterator[tuple[Kind, str]]:
    operation, kind = _text(metadata, "op"), _text(metadata, "type")
    if operation in ("", "same") or kind == _STACK or kind.startswith(_PROVIDERS):
        return
    told = f"{operation} {kind} {_name(_text(metadata, 'urn'))}"
    paths = ", ".join(_part(metadata, "detailedDiff"))
    yield "step", f"{told}: {paths}" if paths else told


def _part(values: Values, key: str) -> Values:
    found = values.get(key)
    return found if isinstance(found, Mapping) else {}


def _text(values: Values, key: str) -> str:
    return str(values.get(key) or "").strip()


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]
