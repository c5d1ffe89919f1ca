"""Declares components against Pulumi's mocks and keeps every registration as the engine gets it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pulumi
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]  # no stubs
from google.protobuf.message import Message  # type: ignore[import-untyped]  # no stubs
from pulumi.runtime import mocks, set_all_config, set_mocks
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs

__all__ = ["SECRET", "Registration", "declare", "is_secret", "secrets_in"]

SECRET = "1b47061264138c4ac30d75fd1eb44270"
"""The signature by which the engine's protocol marks a secret value."""

_SIGNATURE = "4dabf18193072939515e22adb298388d"


class _Request(Protocol):
    """What is read of a RegisterResourceRequest."""

    type: str
    name: str
    parent: str
    provider: str
    object: Message
    dependencies: Sequence[str]
    retainOnDelete: bool  # noqa: N815 - the protocol's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One resource as registered: secret values keep their mark."""

    urn: str
    type: str
    name: str
    parent: str
    provider: str
    inputs: dict[str, object]
    dependencies: tuple[str, ...]
    retained: bool


class _Mocks(mocks.Mocks):
    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, object]]:
        return f"{args.name}-id", dict(args.inputs)

    def call(self, args: MockCallArgs) -> tuple[dict[str, object], None]:
        raise AssertionError(f"a component called {args.token}: components do no I/O")


class _Monitor(MockMonitor):
    """The mock monitor, recording."""

    def __init__(self) -> None:
        super().__init__(_Mocks())
        self.registrations: list[Registration] = []

    def RegisterResource(self, request: _Request) -> object:  # noqa: N802 - the protocol's name
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]  # the SDK's
        if request.type != "pulumi:pulumi:Stack":
            self.registrations.append(
                Registration(
                    urn=response.urn,
                    type=request.type,
                    name=request.name,
                    parent=request.parent.rpartition("::")[2],
                    provider=request.provider,
                    inputs=MessageToDict(request.object),
                    dependencies=tuple(request.dependencies),
                    retained=request.retainOnDelete,
                )
            )
        return response


def declare(
    program: Callable[[], object],
    *,
    config: Mapping[str, object] | None = None,
    secrets: Sequence[str] = (),
) -> list[Registration]:
    """Run a program against mocks and return what it registered, in order.

    Args:
        program: Makes resources.
        config: Values of the namespace `sidero-airgap`.
        secrets: Which of them are secret.
    """
    monitor = _Monitor()
    set_mocks(_Mocks(), project="sidero-airgap", stack="berlin", preview=False, monitor=monitor)
    values = {f"sidero-airgap:{key}": _text(value) for key, value in (config or {}).items()}
    set_all_config(values, [f"sidero-airgap:{key}" for key in secrets])

    @pulumi.runtime.test  # type: ignore[untyped-decorator]  # the SDK's
    def run() -> None:
        program()

    run()
    return monitor.registrations


def is_secret(value: object) -> bool:
    """Tell whether a value carries the secret mark."""
    return isinstance(value, Mapping) and value.get(_SIGNATURE) == SECRET


def secrets_in(value: object) -> Iterator[object]:
    """Yield the content of every secret inside a value."""
    if isinstance(value, Mapping):
        if is_secret(value):
            yield value["value"]
            return
        for item in value.values():
            yield from secrets_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from secrets_in(item)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
