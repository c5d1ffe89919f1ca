"""Re-hash a store: what is missing, truncated or altered, and which names need it.

Reads only. Every blob reachable from index.json is hashed once, however many names need it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from airgap.digest import Digest
from airgap.errors import AirgapError
from airgap.oci.manifest import Descriptor
from airgap.store.assets import BOOT_ASSET, parse_artifact
from airgap.store.blobs import Blobs
from airgap.store.hashing import hash_file
from airgap.store.index import Entry
from airgap.store.walk import is_manifest, read_manifest

__all__ = ["Checked", "Damage", "verify_blobs"]

DamageKind = Literal["missing", "truncated", "altered"]
_WORKERS = min(8, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """One blob that is not what its name says, and the names that need it."""

    digest: Digest
    path: Path
    kind: DamageKind
    detail: str
    needed_by: tuple[str, ...]

    def __str__(self) -> str:
        """Return one line: digest, kind, detail, and who needs it."""
        return f"{self.digest}: {self.kind} ({self.detail}); needed by {', '.join(self.needed_by)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Progress: one more blob was hashed."""

    digest: Digest
    size: int
    done_bytes: int
    total_bytes: int


@dataclass(slots=True, kw_only=True)
class _Need:
    """What is expected of one digest; `fault` is why a manifest could not be used."""

    size: int
    names: set[str] = field(default_factory=set)
    sha512: set[Digest] = field(default_factory=set)
    fault: str = ""


def verify_blobs(
    blobs: Blobs, entries: Iterable[Entry], report: Callable[[Checked], None] | None
) -> tuple[Damage, ...]:
    """Hash everything the entries reach; return the damage in the order of digests."""
    needs = _Survey(blobs).needs_of(entries)
    total, done = sum(need.size for need in needs.values()), 0
    digests = sorted(needs)
    damages = []
    with ThreadPoolExecutor(_WORKERS) as pool:
        found = pool.map(lambda digest: _inspect(blobs, digest, needs[digest]), digests)
        for digest, damage in zip(digests, found, strict=True):
            size = needs[digest].size
            done += size
            if damage is not None:
                damages.append(damage)
            if report is not None:
                report(Checked(digest=digest, size=size, done_bytes=done, total_bytes=total))
    return tuple(damages)


class _Survey:
    """Who needs what; below a manifest that cannot be read, nothing is known."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._needs: dict[Digest, _Need] = {}
        self._below: dict[Digest, tuple[Descriptor, ...]] = {}

    def needs_of(self, entries: Iterable[Entry]) -> dict[Digest, _Need]:
        for entry in entries:
            self._follow(entry)
        return self._needs

    def _follow(self, entry: Entry) -> None:
        name = entry.name or str(entry.descriptor.digest)
        pending, seen = [entry.descriptor], set[Digest]()
        while pending:
            descriptor = pending.pop()
            if descriptor.digest not in seen:
                seen.add(descriptor.digest)
                self._need(descriptor).names.add(name)
                pending.extend(self._open(descriptor))

    def _need(self, descriptor: Descriptor) -> _Need:
        return self._needs.setdefault(descriptor.digest, _Need(size=descriptor.size))

    def _open(self, descriptor: Descriptor) -> tuple[Descriptor, ...]:
        if not is_manifest(descriptor):
            return ()
        if descriptor.digest not in self._below:
            try:
                self._below[descriptor.digest] = self._read(descriptor)
            except AirgapError as error:
                self._need(descriptor).fault = error.message
                self._below[descriptor.digest] = ()
        return self._below[descriptor.digest]

    def _read(self, descriptor: Descriptor) -> tuple[Descriptor, ...]:
        manifest = read_manifest(self._blobs, descriptor)
        if manifest.artifact_type == BOOT_ASSET:
            asset = parse_artifact(manifest)
            self._need(manifest.blobs[1]).sha512.add(asset.sha512)
        return (*manifest.children, *manifest.blobs)


def _inspect(blobs: Blobs, digest: Digest, need: _Need) -> Damage | None:
    """Compare one blob with what is expected of it."""
    found = _compare(blobs.path(digest), digest, need)
    if found is None:
        return None
    kind, detail = found
    return Damage(
        digest=digest,
        path=blobs.path(digest),
        kind=kind,
        detail=detail,
        needed_by=tuple(sorted(need.names)),
    )


def _compare(path: Path, digest: Digest, need: _Need) -> tuple[DamageKind, str] | None:
    try:
        size = path.stat().st_size
        if size < need.size:
            return "truncated", f"{size} of {need.size} bytes"
        found = hash_file(path, also_sha512=bool(need.sha512) or digest.algorithm == "sha512")
    except FileNotFoundError:
        return "missing", "no such file"
    except OSError as error:
        return "altered", error.strerror or str(error)
    if digest not in (found.sha256, found.sha512):
        return "altered", f"its bytes have {found.sha256}"
    if size > need.size:
        return "altered", f"{size} bytes, the descriptor says {need.size}"
    wrong = [sha512 for sha512 in sorted(need.sha512) if sha512 != found.sha512]
    if wrong:
        return "altered", f"its bytes have {found.sha512}, not {wrong[0]}"
    return ("altered", need.fault) if need.fault else None
