"""Store → asset mirror: the plan's plain layout, and content-addressed paths beside it.

`<version>/<file>` is a copy (a hard link would let `wget -O` truncate the store), and
`<version>/<sha512[:16]>/<file>` shares the blob where it can; what a factory made lies in a
directory of its schematic's ID. Afterwards it is read back through the mirror's URL; what an
earlier run published and read back is only asked for there. A file that is there with other bytes
and is not ours is left alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from airgap.digest import Digest
from airgap.errors import PublishError, TransferError
from airgap.net import RetryPolicy, Traffic
from airgap.progress import Progress, Tally
from airgap.store import Store, make_served, publish_file, split_key
from airgap.store.publish import Mode
from airgap.transfer.checksums import merge_checksums
from airgap.transfer.destination import AssetItem, MirrorDestination
from airgap.transfer.ledger import Ledger, SetRecord
from airgap.transfer.observe import file_fault, hash_of
from airgap.transfer.pool import Failures, run_each
from airgap.transfer.readback import MirrorReader

__all__ = ["Published", "check_served", "publish_assets"]

_WORKERS = 4
"""More readers make a disk slower, not faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a publication did: assets by outcome."""

    present: int
    published: int


def publish_assets(
    store: Store,
    destination: MirrorDestination,
    set_name: str,
    items: Sequence[AssetItem],
    ledger: Ledger,
    *,
    retry: RetryPolicy | None = None,
    traffic: Traffic | None = None,
    progress: Progress | None = None,
) -> Published:
    """Bring a set's boot assets into the mirror's directory, and read them back through its URL.

    Whole is read what this run brought, and what the set's last completed operation did not have:
    of all else it is enough that something of its size is served. `verify` reads everything.

    Args:
        store: Holds the assets.
        destination: A `directory` mirror.
        set_name: The set they belong to.
        items: All assets of the set.
        ledger: The destination's record.
        retry: How patiently to read back.
        traffic: The limits and counts of this run.
        progress: Told of each asset.

    Raises:
        TransferError: Some assets could not be published, or are not what the URL serves; all
            others are there and recorded.
    """
    with ledger.transferring():
        before = ledger.sets().get(set_name, SetRecord()).named
        ledger.intend(set_name, [key for item in items for key in item.keys])
        publication = _Publication(store, Path(destination.path), ledger)
        published, failures = publication.run(items, progress)
        done = [item for item in items if item.name in published]
        publication.write_checksums(done)
        proved = {
            item.name
            for item in done
            if not published[item.name] and set(item.keys).issubset(before)
        }
        with MirrorReader(destination, retry=retry, traffic=traffic) as reader:
            failures += _read_back(reader, done, proved)
        if failures:
            raise TransferError(f"set {set_name}", failures)
        ledger.complete(set_name, [key for item in items for key in item.keys])
    moved = sum(published.values())
    return Published(present=len(items) - moved, published=moved)


def check_served(
    destination: MirrorDestination,
    items: Sequence[AssetItem],
    *,
    retry: RetryPolicy | None = None,
    traffic: Traffic | None = None,
) -> None:
    """See that the mirror's URL serves each asset at both its paths, and lists it.

    Raises:
        TransferError: It does not serve some.
    """
    with MirrorReader(destination, retry=retry, traffic=traffic) as reader:
        failures = _read_back(reader, items)
    if failures:
        raise TransferError(f"reading {destination.url}", failures)


class _Publication:
    def __init__(self, store: Store, root: Path, ledger: Ledger) -> None:
        self._store = store
        self._root = root
        self._ledger = ledger
        self._known = ledger.items()

    def run(
        self, items: Sequence[AssetItem], progress: Progress | None
    ) -> tuple[dict[str, bool], Failures]:
        """Publish; return by name whether bytes had to be brought."""
        by_name = {item.name: item for item in items}
        missing, failures = run_each(
            list(by_name), lambda name: self._survey(by_name[name]), workers=_WORKERS
        )
        surveyed = [by_name[name] for name in missing]
        self._ledger.mark(
            found=[
                item.key(path)
                for item in surveyed
                for path in item.paths
                if path not in missing[item.name]
            ],
            making=[item.key(path) for item in surveyed for path in missing[item.name]],
        )
        tally = Tally(len(items), progress)
        done, broken = run_each(
            [item.name for item in sorted(surveyed, key=lambda item: -item.size)],
            lambda name: self._publish(by_name[name], missing[name], tally),
            workers=_WORKERS,
        )
        return done, failures + broken

    def write_checksums(self, items: Sequence[AssetItem]) -> None:
        """Bring each directory's checksums.txt up to date."""
        by_directory: defaultdict[str, dict[str, Digest]] = defaultdict(dict)
        for item in items:
            directory, file = split_key(item.name)
            by_directory[directory][file] = item.sha512
        for directory, files in by_directory.items():
            with self._ledger.exclusive(directory):
                merge_checksums(self._root / directory, files)

    def _survey(self, item: AssetItem) -> tuple[str, ...]:
        """Return the paths an asset is not at, refusing to touch a file that is somebody else's."""
        missing = []
        for path in item.paths:
            fault = file_fault(self._root / path, item, hash_of)
            if fault and fault != "missing" and not self._is_ours(path):
                raise PublishError(
                    f"{self._root / path} is there ({fault}), and this program did not publish it",
                    hint="move it away, if it is not needed",
                )
            missing += [path] if fault else []
        return tuple(missing)

    def _is_ours(self, path: str) -> bool:
        return any(
            key.startswith(f"{path}@") and how in ("made", "making")
            for key, how in self._known.items()
        )

    def _publish(self, item: AssetItem, paths: Sequence[str], tally: Tally) -> bool:
        source = self._store.blob_path(item.sha256)
        for path in item.paths:
            make_served((self._root / path).parent, root=self._root)
        for path in paths:
            mode: Mode = "link" if path == item.content_path else "copy"
            destination = self._root / path
            publish_file(source, destination, mode=mode, digest=item.sha256, size=item.size)
            self._ledger.mark_made(item.key(path))
        tally.add(item.name, "published" if paths else "present", item.size if paths else 0)
        return bool(paths)


def _read_back(
    reader: MirrorReader, items: Sequence[AssetItem], proved: Collection[str] = ()
) -> Failures:
    """Read assets through the URL; those that are `proved`, by name, are only asked for."""
    by_name = {item.name: item for item in items}

    def check(name: str) -> None:
        if name in proved:
            reader.check_offered(by_name[name])
        else:
            reader.check(by_name[name])
        reader.check_listed(by_name[name])

    return run_each(list(by_name), check, workers=_WORKERS)[1]
