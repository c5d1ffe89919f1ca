"""Which peers there are, and where they lie once they were got.

Every peer here is one the tests cannot do without: an absent one is a failure with a name.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.peers import browser, debian, golang, media

__all__ = ["PEERS", "Peer", "PeerError", "Peers", "locate"]


class PeerError(Exception):
    """A peer is not there; the text says which, and what gets it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A real program or file, and the recipe that gets it.

    Attributes:
        name: What tests call it.
        recipe: A `golang.Build`'s, or ``debian``, ``media`` or ``browser`` (Debian packages).
        path: Where it lies in the recipe's folder.
        source: Module or package that its version is the version of.
    """

    name: str
    recipe: str
    path: str
    source: str


PEERS: Sequence[Peer] = (
    *(
        Peer(
            name=program.name,
            recipe=build.recipe,
            path=f"bin/{program.name}",
            source=program.module,
        )
        for build in golang.BUILDS
        for program in build.programs
    ),
    *(
        Peer(
            name=build.document.name,
            recipe=build.recipe,
            path=build.document.name,
            source=build.document.module,
        )
        for build in golang.BUILDS
        if build.document
    ),
    *(
        Peer(name=program.name, recipe="debian", path=f"bin/{program.name}", source=program.package)
        for program in debian.PROGRAMS
    ),
    Peer(name="kernel", recipe="debian", path="boot/vmlinuz", source=debian.KERNEL),
    Peer(name="busybox", recipe="debian", path="boot/busybox", source="busybox-static"),
    Peer(name="packages", recipe="debian", path="packages", source="linux-source-6.1"),
    *(
        Peer(name=program.name, recipe="media", path=f"bin/{program.name}", source=program.package)
        for program in media.PROGRAMS
    ),
    Peer(name="media-kernel", recipe="media", path="boot/vmlinuz", source=debian.KERNEL),
    Peer(name="media-modules", recipe="media", path="boot/modules", source=debian.KERNEL),
    Peer(name="chromium", recipe="browser", path="bin/chromium", source=browser.CHROMIUM),
    Peer(name="axe", recipe="browser", path="axe.min.js", source=browser.AXE),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """The peers on this machine."""

    folders: dict[str, Path]

    def path(self, name: str) -> Path:
        """Return where a peer lies.

        Raises:
            PeerError: It is not on this machine, or no peer has that name.
        """
        peer = next((each for each in PEERS if each.name == name), None)
        if peer is None:
            raise PeerError(f"{name} is no peer; there are {', '.join(p.name for p in PEERS)}")
        path = self.folders[peer.recipe] / peer.path
        if not path.exists():
            raise PeerError(f"the real {name} ({peer.source}) is not here; `make peers` gets it")
        return path

    def version(self, name: str) -> str:
        """Return the version of a peer that is here.

        Raises:
            PeerError: It is not on this machine.
        """
        self.path(name)
        peer = next(each for each in PEERS if each.name == name)
        record = json.loads((self.folders[peer.recipe] / "versions.json").read_text())
        return str(record[peer.source])

    def missing(self) -> list[str]:
        """Name the peers that are not here, in the order of `PEERS`."""
        return [p.name for p in PEERS if not (self.folders[p.recipe] / p.path).exists()]


def locate() -> Peers:
    """Say where the peers of this checkout's recipes are, or would be. Asks no network."""
    built = {build.recipe: build.folder() for build in golang.BUILDS}
    packaged = {
        "debian": debian.folder(),
        "media": media.folder(),
        "browser": browser.folder(),
    }
    return Peers(folders={**built, **packaged})
