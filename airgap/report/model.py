"""The report of one change, version 1: what a reviewer reads, as a document.

Frozen, camelCase in JSON, described by `docs/report.schema.json` (docs/adr/0016 says what a version
promises). Digests are whole here; each form shortens them for its reader. Sizes are bytes, `None`
where nobody could know them without asking a network.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from airgap.rules.findings import Level

__all__ = [
    "REPORT_VERSION",
    "Amount",
    "AssetChange",
    "Basis",
    "Duration",
    "Edge",
    "FileChange",
    "FindingChange",
    "ImageChange",
    "KeyChange",
    "Kind",
    "Mark",
    "NeedChange",
    "Node",
    "NodeKind",
    "ObjectChange",
    "Pin",
    "PlatformChange",
    "Reach",
    "Report",
    "SchematicChange",
    "Standing",
    "Topology",
    "Transfer",
    "TrustChange",
    "VersionChange",
]

REPORT_VERSION: Literal[1] = 1

Mark = Literal["added", "changed", "removed"]
Standing = Literal["added", "changed", "removed", "same"]
Kind = Literal[
    "site",
    "registry",
    "mirror",
    "assetMirror",
    "imageFactory",
    "sidero",
    "environment",
    "serverClass",
    "resource",
]
NodeKind = Literal[
    "upstream",
    "store",
    "registry",
    "assetMirror",
    "imageFactory",
    "environment",
    "serverClass",
    "machines",
]


class _Part(BaseModel):
    """A part of the report: frozen, no unknown keys, camelCase in JSON."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )


class Basis(_Part):
    """What was compared with what: two locks, or what the engine says."""

    kind: Literal["locks", "preview", "refresh"]
    base: str
    """What the change starts from, for people: `main at 1234567`."""
    head: str
    """What it leads to: `the working tree`."""
    notes: tuple[str, ...] = ()
    """What the reader should know about either, a sentence each."""
    unfinished: str = ""
    """Why the engine stopped early, so that the report is not whole; empty where it is."""


class VersionChange(_Part):
    """The releases of one thing."""

    what: str
    old: tuple[str, ...]
    new: tuple[str, ...]


class Pin(_Part):
    """One tag's digest; the tag is empty where an image is named by digest alone."""

    tag: str
    digest: str


class ImageChange(_Part):
    """What of one repository comes, goes or moves, in one set of images.

    Attributes:
        id: Where the page has it.
        old: What goes, or moves.
        new: What comes, or what it moves to.
        size_bytes: Of what comes, at most; of what goes where nothing comes.
        why: What pulls it in.
    """

    id: str
    repository: str
    need: str
    mark: Mark
    old: tuple[Pin, ...]
    new: tuple[Pin, ...]
    size_bytes: int | None = None
    why: tuple[str, ...] = ()


class NeedChange(_Part):
    """An image that stays as it is, and is there for another reason: its set of images."""

    id: str
    repository: str
    pin: Pin
    old: str
    new: str


class PlatformChange(_Part):
    """A platform that images which stay have more, or less; bytes at most."""

    platform: str
    mark: Mark
    images: int
    size_bytes: int


class AssetChange(_Part):
    """A boot asset by its key in the lock; old and new are its sha512."""

    id: str
    name: str
    mark: Mark
    old: str = ""
    new: str = ""
    size_bytes: int | None = None
    why: tuple[str, ...] = ()


class KeyChange(_Part):
    """One setting: its path, and what was and is there; `None` is nothing.

    Of a list, `came` and `went` are the items that differ. A secret's values are never here.
    """

    path: str
    old: str | None = None
    new: str | None = None
    came: tuple[str, ...] = ()
    went: tuple[str, ...] = ()
    secret: bool = False


class SchematicChange(_Part):
    """A schematic by ID: whose it is, what it contains, and what changed of its predecessor."""

    id: str
    schematic_id: str
    mark: Mark
    classes: tuple[str, ...]
    content: tuple[str, ...]
    """What it contains, a line a thing; the text that the ID is the digest of says no more."""
    replaces: tuple[str, ...] = ()
    keys: tuple[KeyChange, ...] = ()


class ObjectChange(_Part):
    """Settings of one thing, or of several that change alike.

    Attributes:
        names: Which; in order.
        keys: Its settings.
        machine_config: What its machines' configuration gains or loses, by Talos' own path
            whichever form of document carries it.
        files: Where, below the project, what running machines need is written.
    """

    id: str
    kind: Kind
    names: tuple[str, ...]
    mark: Mark
    keys: tuple[KeyChange, ...] = ()
    machine_config: tuple[KeyChange, ...] = ()
    files: tuple[str, ...] = ()


class TrustChange(_Part):
    """A certificate authority by fingerprint, whose it is and until when, and what trusts it."""

    id: str
    old: str
    new: str
    old_names: tuple[str, ...] = ()
    new_names: tuple[str, ...] = ()
    where: tuple[str, ...]


class FileChange(_Part):
    """A file that `up` writes, relative to the project."""

    path: str
    mark: Mark


class Duration(_Part):
    """How long an amount takes on a link, at best."""

    link: str
    seconds: float


class Amount(_Part):
    """Bytes, at most; `None` where an image's size is not known."""

    size_bytes: int | None
    durations: tuple[Duration, ...] = ()


class Transfer(_Part):
    """Bytes that the change moves: each digest counted once, layers that images share not seen."""

    fetch: Amount
    carry: Amount
    push: Amount
    notes: tuple[str, ...] = ()


class FindingChange(_Part):
    """What a rule says: `new`, `still` as in the base, or `gone`."""

    standing: Literal["new", "still", "gone"]
    rule: str
    level: Level
    resource: str
    subject: str
    message: str
    remedy: str


class Reach(_Part):
    """Whom the change reaches, and what to mind, a sentence each."""

    provisioned: tuple[str, ...] = ()
    """Servers provisioned from now on, and those with `pxeBootAlways`."""
    running: tuple[str, ...] = ()
    """Machines that run: nothing reaches them by itself."""
    pulls: tuple[str, ...] = ()
    """Pulls by machines that run."""


class Node(_Part):
    """A thing in the picture; `target` is the part of the page that tells of it."""

    id: str
    kind: NodeKind
    name: str
    detail: str
    standing: Standing
    target: str


class Edge(_Part):
    """From whom to whom bytes or settings go."""

    source: str
    target: str
    what: str


class Topology(_Part):
    """The site as a picture: base and head in one."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


class Report(_Part):
    """The report, whole."""

    report_version: Literal[1] = REPORT_VERSION
    site: str
    basis: Basis
    headline: str
    is_empty: bool
    """Whether nothing changes."""
    reach: Reach
    versions: tuple[VersionChange, ...]
    images: tuple[ImageChange, ...]
    assets: tuple[AssetChange, ...]
    schematics: tuple[SchematicChange, ...]
    trust: tuple[TrustChange, ...]
    objects: tuple[ObjectChange, ...]
    files: tuple[FileChange, ...]
    transfer: Transfer
    findings: tuple[FindingChange, ...]
    topology: Topology
    weakened: tuple[str, ...] = ()
    """What lets more pass the policies than before, a clause each."""
    needs: tuple[NeedChange, ...] = ()
    """Images that stay, needed by something else."""
    platforms: tuple[PlatformChange, ...] = ()
    """Platforms of images that stay."""
    site_keys: tuple[KeyChange, ...] = ()
    """What of the stack file changes and is told by nothing else here."""
    drift: tuple[KeyChange, ...] = ()
    """What the site lacked of the base's lock, by its receipt: `old` is the lock's, `new` found."""

    @property
    def violations(self) -> int:
        """How many mandatory rules the head violates."""
        return sum(item.level == "mandatory" and item.standing != "gone" for item in self.findings)
