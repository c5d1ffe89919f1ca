"""`index.json`: which names the store holds (OCI image layout 1.0.0, image-layout.md, index.json).

A name is the annotation `org.opencontainers.image.ref.name`. Entries other tools wrote are kept as
they are. Readers see the old or the new file; writers hold the store's lock.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from airgap.errors import IntegrityError, PublishError
from airgap.oci.manifest import OCI_INDEX, Descriptor, Platform, parse_manifest
from airgap.store.layout import INDEX, PARTIAL, locked
from airgap.store.partial import replace_bytes

__all__ = ["REF_NAME", "Entry", "Index"]

REF_NAME = "org.opencontainers.image.ref.name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One descriptor of index.json; `name` is empty where another tool gave none.

    `raw` is the entry as another tool wrote it, or None for one of ours.
    """

    name: str
    descriptor: Descriptor
    raw: Mapping[str, object] | None = field(default=None, compare=False)

    def to_json(self) -> Mapping[str, object]:
        """Return the descriptor as index.json has it."""
        if self.raw is not None:
            return self.raw
        descriptor = self.descriptor
        document: dict[str, object] = {
            "mediaType": descriptor.media_type,
            "digest": str(descriptor.digest),
            "size": descriptor.size,
        }
        if descriptor.artifact_type:
            document["artifactType"] = descriptor.artifact_type
        if descriptor.platform is not None:
            document["platform"] = _platform_json(descriptor.platform)
        document["annotations"] = {REF_NAME: self.name}
        return document


def _platform_json(platform: Platform) -> dict[str, str]:
    document = {"os": platform.os, "architecture": platform.architecture}
    return document | ({"variant": platform.variant} if platform.variant else {})


class Index:
    """The store's index.json."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.path = root / INDEX

    def entries(self) -> tuple[Entry, ...]:
        """Read all entries.

        Raises:
            PublishError: There is no index.json.
            IntegrityError: It is no image index, or larger than 4 MiB (about 12,000 names).
        """
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise PublishError(f"{self.path} cannot be read: {error.strerror}") from None
        return _parse(data, str(self.path))

    def add(self, entries: Iterable[Entry], *, check: Callable[[Entry], None]) -> None:
        """Add entries, replacing those of the same name, in one step.

        Args:
            entries: Each with a name.
            check: Called for each under the lock, so that nothing it looked at can be collected
                meanwhile; its error leaves index.json as it was.
        """
        new = {entry.name: entry for entry in entries}
        with locked(self._root):
            for entry in new.values():
                check(entry)
            old = self.entries()
            kept = [entry for entry in old if entry.name not in new]
            self._replace(old, [*kept, *new.values()])

    def remove(self, names: Iterable[str]) -> None:
        """Remove the entries of these names; an unknown name is no error."""
        gone = set(names) - {""}
        with locked(self._root):
            old = self.entries()
            self._replace(old, [entry for entry in old if entry.name not in gone])

    def _replace(self, old: tuple[Entry, ...], new: list[Entry]) -> None:
        ordered = tuple(sorted(new, key=lambda entry: entry.name))
        if ordered == old:
            return
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [entry.to_json() for entry in ordered],
        }
        data = json.dumps(document, indent=2).encode() + b"\n"
        _parse(data, str(self.path))  # what could not be read again is never written
        replace_bytes(self.path, data, mode=0o644, staging=self._root / PARTIAL)


def _parse(data: bytes, source: str) -> tuple[Entry, ...]:
    index = parse_manifest(data, media_type=OCI_INDEX, source=source)
    if not index.is_index:
        raise IntegrityError(f"{source}: an image manifest, not an index")
    raw_entries = cast("list[dict[str, object]]", json.loads(data).get("manifests", []))
    return tuple(
        Entry(name=_name(raw), descriptor=descriptor, raw=raw)
        for descriptor, raw in zip(index.children, raw_entries, strict=True)
    )


def _name(raw: Mapping[str, object]) -> str:
    annotations = raw.get("annotations")
    name = annotations.get(REF_NAME) if isinstance(annotations, dict) else None
    return name if isinstance(name, str) else ""
