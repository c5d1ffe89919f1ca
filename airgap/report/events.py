"""What the engine says in a preview or a refresh, as two scenes and what they cannot show.

Reads the events of Pulumi 3.250, one JSON object a line: `preview --json` with
`PULUMI_ENABLE_STREAMING_JSON_PREVIEW=true`, or `--event-log`. The one document of a plain `preview
--json` leaves out what stays as it is, so that no rule could judge the whole: it is refused. So is
a stream that was cut: every operation ends with a `summaryEvent`, one that fails or is cancelled as
well, and one that is killed has none. The engine masks secrets; where only masked values differ,
its word that they do (`detailedDiff`) is all there is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from airgap.errors import AirgapError
from airgap.lock.model import Lock
from airgap.report.contents import anchor
from airgap.report.masking import MASK, is_sealed, mask_text
from airgap.report.model import KeyChange, Kind, ObjectChange
from airgap.report.scene import Scene, View, scene_of_views
from airgap.report.wording import count_words
from airgap.rules import RULES, Finding

__all__ = ["Observed", "read_events"]

_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_LATER = "(known after up)"
_SKIPPED = ("pulumi:providers:", "pulumi:pulumi:Stack")
_COLOUR = re.compile(r"<\{%[^%]*%\}>")
_REFUSED = "preview failed"
"""What the engine ends with when policies refused (Pulumi 3.250), and with errors, too."""

_LONGEST = 300
_PATH = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')
_DOCUMENT = re.compile(r"\s*\{\s*\n")
_HOW = (
    "give what `PULUMI_ENABLE_STREAMING_JSON_PREVIEW=true pulumi preview --json` prints, or what "
    "--event-log wrote"
)

Values = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the engine saw.

    Attributes:
        kind: Whether it planned a change, or only looked for drift.
        objects: Secrets that change, by name.
        findings: What policies other than ours say.
        unfinished: Why the engine did not come to its end; empty where it did.
    """

    kind: Literal["preview", "refresh"]
    base: Scene
    head: Scene
    objects: tuple[ObjectChange, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    unfinished: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What is to be done to one resource, or what was found of it."""

    operation: str
    urn: str
    token: str
    old: Values | None
    new: Values | None
    paths: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.urn.rpartition("::")[2]


def read_events(text: str, *, site: str, known: Sequence[Lock] = ()) -> Observed:
    """Return what the engine's output says.

    Args:
        text: Its events.
        site: The site's name: the stack has to be this site's.
        known: Locks to look sizes and reasons up in.

    Raises:
        AirgapError: The text is something else, or of another site; or its end is missing.
    """
    entries = _parsed(text)
    summary = _summary(entries)
    planned, found = _steps(entries)
    kind: Literal["preview", "refresh"] = "preview" if planned else "refresh"
    steps = planned or found
    unfinished = _why_unfinished(entries, summary)
    if unfinished and not steps:
        raise AirgapError(f"events: the engine stopped before any resource: {unfinished}")
    _check_site(steps, site)
    base: dict[str, View] = {}
    head: dict[str, View] = {}
    for step in steps:
        if step.old is not None:
            old = View(token=step.token, name=step.name, inputs=step.old)
            base.setdefault(old.key, old)
        if step.new is not None and not step.operation.startswith("delete"):
            new = View(token=step.token, name=step.name, inputs=step.new)
            head[new.key] = new
    return Observed(
        kind=kind,
        base=scene_of_views(base.values(), known),
        head=scene_of_views(head.values(), known),
        objects=tuple(_secrets(steps)) if kind == "preview" else (),
        findings=tuple(_findings(entries)),
        notes=tuple(_notes(planned, found, known)),
        unfinished=unfinished,
    )


def _parsed(text: str) -> list[Values]:
    """Return the events.

    Raises:
        AirgapError: It is something else.
    """
    try:
        lines = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        if _DOCUMENT.match(text):
            message = "events: this is the one document of `preview --json`, not its events"
            raise AirgapError(message, hint=_HOW) from None
        raise AirgapError(f"events: no JSON, a line each: {error}", hint=_HOW) from None
    entries = [line for line in lines if isinstance(line, Mapping)]
    if not entries:
        raise AirgapError("events: there are none", hint=_HOW)
    return entries


def _summary(entries: Sequence[Values]) -> Values:
    """Return the engine's last word: what comes before the end of a stream is not the whole.

    Raises:
        AirgapError: It is not there, or is that of an operation before (`up` after its preview).
    """
    found: Values = {}
    for entry in entries:
        if _mapping(entry.get("summaryEvent")):
            found = _mapping(entry["summaryEvent"])
        elif _metadata(entry, "resourcePreEvent") or _metadata(entry, "resOutputsEvent"):
            found = {}
    if not found:
        raise AirgapError(
            f"events: they end early, after {count_words(len(entries), 'event')}: expected the "
            "engine's summaryEvent as the last word on its resources",
            hint="the engine was killed, or what it printed was cut: run it again, in a shell with "
            "`set -o pipefail` where it is piped",
        )
    return found


def _steps(entries: Iterable[Values]) -> tuple[list[_Step], list[_Step]]:
    """Return what is planned, and what a refresh has found."""
    planned: list[_Step] = []
    found: list[_Step] = []
    is_planning = False
    for entry in entries:
        before = _metadata(entry, "resourcePreEvent")
        if before and before.get("op") != "refresh":
            is_planning = True
            planned += _step(before)
        after = _metadata(entry, "resOutputsEvent")
        if after and not is_planning:
            found += _step(after)
    return planned, found


def _metadata(entry: Values, kind: str) -> Values:
    return _mapping(_mapping(entry.get(kind)).get("metadata"))


def _mapping(value: object) -> Values:
    return value if isinstance(value, Mapping) else {}


def _step(metadata: Values) -> list[_Step]:
    token = str(metadata.get("type", ""))
    if token.startswith(_SKIPPED):
        return []
    return [
        _Step(
            operation=str(metadata.get("op", "")),
            urn=str(metadata.get("urn", "")),
            token=token,
            old=_inputs(metadata.get("old")),
            new=_inputs(metadata.get("new")),
            paths=tuple(map(str, _mapping(metadata.get("detailedDiff")))),
        )
    ]


def _inputs(state: object) -> Values | None:
    """Return a state's inputs as they were given to the engine; None without a state."""
    if not isinstance(state, Mapping):
        return None
    inputs = _plain(_mapping(state.get("inputs")))
    return inputs if isinstance(inputs, dict) else {}


def _plain(value: object) -> object:
    """Return a value whose numbers are whole again, and whose unknowns are words."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items() if key != "__provider"}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return _LATER if value == _UNKNOWN else value


def _check_site(steps: Sequence[_Step], site: str) -> None:
    names = {step.name for step in steps if step.token == "airgap:index:Site"}  # noqa: S105 - a type
    if site not in names:
        seen = f"of {', '.join(sorted(names))}" if names else "of no site"
        raise AirgapError(f"events: they are {seen}, not of {site}", hint=_HOW)


def _secrets(steps: Iterable[_Step]) -> Iterator[ObjectChange]:
    """Yield what the engine says has changed where both values are masked."""
    for step in steps:
        if step.operation != "update" or step.old is None or step.new is None:
            continue
        keys = tuple(
            KeyChange(path=mask_text(path), old=MASK, new=MASK, secret=True)
            for path in step.paths
            if _is_masked(step.old, path) and _is_masked(step.new, path)
        )
        if keys:
            kind, name = _named(step)
            identity = anchor("secret", kind, name)
            yield ObjectChange(id=identity, kind=kind, names=(name,), mark="changed", keys=keys)


def _named(step: _Step) -> tuple[Kind, str]:
    """Return what an object is called: a server class as its author calls it."""
    kind = step.token.rpartition(":")[2]
    name = str(_mapping((step.new or {}).get("metadata")).get("name", step.name))
    return ("serverClass", name) if kind == "ServerClass" else ("resource", f"{kind} {name}")


def _is_masked(values: object, path: str) -> bool:
    """Tell whether the engine masks what is at a path of its own form, or anything above it."""
    for key, index, word in _PATH.findall(path):
        if is_sealed(values):
            return True
        if isinstance(values, Mapping):
            values = values.get(key or word)
        elif isinstance(values, list) and index and int(index) < len(values):
            values = values[int(index)]
        else:
            return False
    return is_sealed(values)


def _findings(entries: Iterable[Values]) -> Iterator[Finding]:
    """Yield what policies say; ours are judged again here, from the same values."""
    ours = {rule.name for rule in RULES} | {"notes"}
    for entry in entries:
        event = _mapping(entry.get("policyEvent"))
        name = str(event.get("policyName", ""))
        if not event or name in ours:
            continue
        is_mandatory = event.get("enforcementLevel") == "mandatory"
        yield Finding(
            rule=name,
            level="mandatory" if is_mandatory else "advisory",
            subject=str(event.get("resourceUrn", "")).rpartition("::")[2],
            message=mask_text(" ".join(_COLOUR.sub("", str(event.get("message", ""))).split())),
            remedy="",
            resource=str(event.get("policyPackName", "")),
        )


def _notes(
    planned: Sequence[_Step],
    found: Sequence[_Step],
    known: Sequence[Lock],
) -> Iterator[str]:
    if planned and any(step.old != step.new for step in found):
        yield (
            "The state was refreshed first: what had drifted is among the changes, with what was "
            "found in the place of what was before."
        )
    if any(step.new is not None and _LATER in json.dumps(step.new) for step in planned):
        yield "Some values are known only after `up`."
    if not known:
        yield "There is no lock here to look up the sizes of images and why they are there."


def _why_unfinished(entries: Sequence[Values], summary: Values) -> str:
    """Return why the engine stopped early, in its own words where it has any; else nothing."""
    errors = [
        " ".join(_COLOUR.sub("", str(event.get("message", ""))).split())
        for entry in entries
        for event in (_mapping(entry.get("diagnosticEvent")),)
        if event.get("severity") == "error"
    ]
    is_refused = _is_refused(entries)
    is_judged = is_refused and bool(summary.get("isPreview"))
    if is_judged:  # a preview that policies refuse runs to its end, and then says so
        errors = [each for each in errors if each != _REFUSED]
    if errors:
        return mask_text(errors[0])[:_LONGEST]
    if is_judged or summary.get("result", "succeeded") == "succeeded":
        return ""
    return "a policy refused a resource" if is_refused else "it does not say why"


def _is_refused(entries: Sequence[Values]) -> bool:
    """Tell whether a policy stopped it."""
    events = (_mapping(entry.get("policyEvent")) for entry in entries)
    return any(event.get("enforcementLevel") == "mandatory" for event in events)
