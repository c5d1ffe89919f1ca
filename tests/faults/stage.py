"""What a cell of the fault matrix is given, and the words it gives back."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TypeVar

import pytest

from airgap.errors import AirgapError
from airgap.net import session
from airgap.net.wire import Wire
from lab.auth import Authenticator
from lab.deviance import Deviance
from lab.registry import Registry
from lab.server import Simulator
from lab.tls import Authority
from tests.faults.line import Line, Plug
from tests.faults.scene import (
    MIB,
    AssetScene,
    Column,
    CopyScene,
    DownloadScene,
    PullScene,
    PushScene,
    Ran,
    Scene,
)
from tests.faults.victim import Nursery

__all__ = ["Cell", "Stage", "again", "refusal", "until"]

S = TypeVar("S", bound=Scene)
T = TypeVar("T")

_SLACK_BYTES = 64 * 1024
"""Answers of refusals and manifests asked for twice are no content."""
_TIMEOUT_S = 2.0
"""Long enough for a busy machine to answer in, where a peer is not silent."""
_PATIENCE_S = 60.0


class Stage:
    """Makes the scenes of one cell; all that it started ends with it."""

    def __init__(
        self, column: Column, folder: Path, patch: pytest.MonkeyPatch, victims: Nursery
    ) -> None:
        self.column = column
        self.folder = folder
        self.patch = patch
        self.victims = victims
        self._servers: list[Simulator] = []
        self._stack = ExitStack()

    def close(self) -> None:
        """End everything."""
        self._stack.close()

    def crashes(self) -> list[str]:
        """Return what the simulators themselves did wrong."""
        return [crash for server in self._servers for crash in server.crashes]

    def enter(self, manager: AbstractContextManager[T]) -> T:
        """Keep a context open as long as the cell runs."""
        return self._stack.enter_context(manager)

    def scene(self, *, authority: Authority | None = None) -> Scene:
        """Return the column's transfer."""
        if self.column == "push":
            return self.push(authority=authority)
        return self.download(authority=authority)

    def download(self, *, authority: Authority | None = None) -> DownloadScene:
        """Return the column's transfer, one into the store."""
        if self.column == "asset":
            return self.asset(authority=authority)
        return self.pull(authority=authority)

    def asset(self, *, authority: Authority | None = None, object_store: str = "") -> AssetScene:
        """Return an asset's download."""
        return self._begin(AssetScene(self.folder, authority=authority, object_store=object_store))

    def pull(
        self, *, authority: Authority | None = None, auth: Authenticator | None = None
    ) -> PullScene:
        """Return an image's pull."""
        return self._begin(PullScene(self.folder, authority=authority, auth=auth))

    def push(
        self,
        *,
        authority: Authority | None = None,
        auth: Authenticator | None = None,
        deviance: Deviance | None = None,
        registry: Registry | None = None,
    ) -> PushScene:
        """Return an image's push."""
        return self._begin(
            PushScene(
                self.folder, authority=authority, auth=auth, deviance=deviance, registry=registry
            )
        )

    def copy(self) -> CopyScene:
        """Return an image's copy from its upstream to the site's registry."""
        return self._begin(CopyScene(self.folder / "site", self.pull()))

    def unplug(self, scene: Scene, plug: Plug) -> Line:
        """Put a line before a scene's server that will be unplugged."""
        line = self.enter(Line(scene.server.port))
        line.plug = plug
        scene.url = line.url
        return line

    def be_impatient(self) -> None:
        """Let every wait for a peer end after two seconds instead of a minute."""
        assert Wire.__init__.__kwdefaults__ is not None
        self.patch.setitem(Wire.__init__.__kwdefaults__, "timeout_s", _TIMEOUT_S)
        self.patch.setattr(session, "_TIMEOUT_S", _TIMEOUT_S)

    def _begin(self, scene: S) -> S:
        self._servers.append(self.enter(scene.server))
        return scene


Cell = Callable[[Stage], str]


def until(is_time: Callable[[], bool]) -> None:
    """Wait until something is true."""
    end = time.monotonic() + _PATIENCE_S
    while not is_time():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.005)


def refusal(ran: Ran, kind: type[AirgapError], words: str) -> str:
    """See that a run failed as it should; return the words it said it in."""
    assert isinstance(ran.error, kind), ran.error
    assert words in ran.error.diagnostics(), ran.error.diagnostics()
    return f"refused: “{words}”"


def again(scene: Scene, *, most: int | None = None) -> str:
    """Say how many bytes of content were moved more than once.

    Args:
        scene: After its runs.
        most: The bound that is to hold, where the very figure is a matter of chance.
    """
    moved = scene.moved_again()
    if most is not None:
        assert moved <= most + _SLACK_BYTES, moved
        return f"at most {most // MIB} MiB moved again"
    assert moved >= -_SLACK_BYTES, moved
    if moved <= _SLACK_BYTES:
        return "nothing moved again"
    return f"{round(moved / MIB)} MiB moved again"
