"""What a Pulumi command did: its output, and for an operation the engine's own events."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

Json = Any  # documents of the engine; their shape is the engine's


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One resource of an operation, from a resourcePreEvent."""

    operation: str  # same, create, update, replace, delete, read, refresh …
    urn: str
    type: str
    old_inputs: Mapping[str, Json]
    new_inputs: Mapping[str, Json]
    # Property path to the kind of its change (add, delete, update, …-replace); none if unknown.
    detailed_diff: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.urn.rpartition("::")[2]


@dataclass(frozen=True, kw_only=True)
class Result:
    """A command that has ended."""

    command: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str
    seconds: float
    event_log: Path | None = None

    def __str__(self) -> str:
        return (
            f"{' '.join(self.command)}\nexit code {self.exit_code} after {self.seconds:.1f} s\n"
            f"--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"
        )

    @property
    def output(self) -> str:
        """Both streams: the engine shows some errors on the one, some on the other."""
        return self.stdout + self.stderr

    @cached_property
    def json(self) -> Json:
        """Stdout as one JSON document."""
        return json.loads(self.stdout)

    @cached_property
    def events(self) -> tuple[Mapping[str, Json], ...]:
        """The engine's events, secrets masked. Only operations have any."""
        if self.event_log is None or not self.event_log.exists():
            return ()
        lines = self.event_log.read_text(encoding="utf-8").splitlines()
        return tuple(json.loads(line) for line in lines)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """What was (to be) done to each resource, in the engine's order; providers are left out."""
        return tuple(
            step for step in self._all_steps() if not step.type.startswith("pulumi:providers:")
        )

    @cached_property
    def changes(self) -> Mapping[str, int]:
        """Resources per operation from the summary, `same` left out: empty means no change."""
        for event in self.events:
            if "summaryEvent" in event:
                counts: dict[str, int] = event["summaryEvent"]["resourceChanges"]
                return {name: count for name, count in counts.items() if name != "same"}
        raise AssertionError(f"the operation has no summary\n{self}")

    @cached_property
    def diagnostics(self) -> tuple[str, ...]:
        """Errors and warnings, without colours."""
        return tuple(
            event["diagnosticEvent"]["message"]
            for event in self.events
            if event.get("diagnosticEvent", {}).get("severity") in ("error", "warning")
        )

    def step(self, name: str) -> Step:
        """Return the one step of the resource called `name`."""
        found = [step for step in self.steps if step.name == name]
        assert len(found) == 1, f"{len(found)} steps are called {name}\n{self}"
        return found[0]

    def _all_steps(self) -> Iterator[Step]:
        for event in self.events:
            if "resourcePreEvent" in event:
                metadata = event["resourcePreEvent"]["metadata"]
                yield Step(
                    operation=metadata["op"],
                    urn=metadata["urn"],
                    type=metadata["type"],
                    old_inputs=(metadata.get("old") or {}).get("inputs") or {},
                    new_inputs=(metadata.get("new") or {}).get("inputs") or {},
                    detailed_diff={
                        path: change["diffKind"] if "diffKind" in change else change["kind"]
                        for path, change in (metadata.get("detailedDiff") or {}).items()
                    },
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A stack's state, as `pulumi stack export` gives it: secrets stay encrypted."""

    text: str

    @property
    def resources(self) -> tuple[Mapping[str, Json], ...]:
        return tuple(json.loads(self.text)["deployment"].get("resources") or ())

    def resource(self, name: str) -> Mapping[str, Json]:
        """Return the one resource called `name`: urn, type, id, inputs, outputs …"""
        found = [
            resource
            for resource in self.resources
            if resource["urn"].rpartition("::")[2] == name
            and not resource["type"].startswith("pulumi:providers:")
        ]
        assert len(found) == 1, f"{len(found)} resources are called {name}"
        return found[0]

    @property
    def outputs(self) -> Mapping[str, Json]:
        """What the program exports."""
        for resource in self.resources:
            if resource["type"] == "pulumi:pulumi:Stack":
                return dict(resource.get("outputs") or {})
        return {}
