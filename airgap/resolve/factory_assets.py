"""Have the factory that `lock` asks make boot assets of the site's schematics, and pin them.

There is nothing to hold them to: no sums, no signature, and each factory makes its own bytes. So
they are pinned once, with who made them, and stay: a factory is asked for what has no pin only. A
schematic is registered before anything is made of it, and its ID compared with the predicted one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import TypeVar

from airgap.errors import FactoryError, IntegrityError
from airgap.factory import FactoryClient, OtherIdError
from airgap.lock import AssetPin, FactoryOrigin, Lock
from airgap.progress import Progress, Tally
from airgap.resolve.factory_wants import FactoryWant, find_factory_schematics
from airgap.resolve.needs import is_mirrored
from airgap.resolve.notes import Note
from airgap.resolve.upgrade import Upgrade
from airgap.schematic import read_output
from airgap.site.check.address import origin
from airgap.site.model import Site
from airgap.store import FileDigests, Store, StoredAsset
from airgap.store.hashing import Hasher
from airgap.transfer.pool import Failures, run_each
from airgap.transfer.receiving import Metered

__all__ = ["FactoryRun"]

T = TypeVar("T")

_MAX_ASSET_BYTES = 64 * 1024**3
_MAX_TEXT_BYTES = 64 * 1024
_WORKERS = 4
"""A factory builds six assets at a time for all who ask."""
_CMDLINE = "cmdline-"
_OTHER_ID = (
    "ask a factory of that generation (lock --factory URL), or set upstream.factory.version to its "
    "release; imageFactory.version counts first, where the site has a factory"
)


class FactoryRun:
    """What one run of `lock` has a factory do; failures and notes are collected.

    Args:
        site: Whose schematics.
        previous: The lock so far; its pins stay.
        upgrade: Which of its pins to move.
        factory: Who makes; None where nobody is at hand.
        store: Where the bytes are kept; None only hashes them.
        tally: Told of each item.
        progress: Told of the bytes.
    """

    def __init__(
        self,
        site: Site,
        previous: Lock | None,
        upgrade: Upgrade,
        *,
        factory: FactoryClient | None,
        store: Store | None,
        tally: Tally,
        progress: Progress | None = None,
    ) -> None:
        self._schematics = find_factory_schematics(site)
        self._signer = _signer(site)
        self._previous = previous.assets if previous else {}
        self._upgrade = upgrade
        self._factory = factory
        self._store = store
        self._stored = store.assets() if store else {}
        self._tally = tally
        self._progress = progress
        self._registered: dict[str, bool] = {}
        self._texts: dict[str, str] = {}
        self.failures: Failures = []
        self.notes: list[Note] = []

    def register(self, identities: Iterable[str]) -> frozenset[str]:
        """Have schematics of the site registered, each once, before anything is made of them.

        Returns:
            Those that are registered now.
        """
        fresh = sorted(set(identities) - self._registered.keys())
        done, failures = self._each(fresh, self._register)
        self._registered |= {identity: identity in done for identity in fresh}
        self.failures += [(f"schematic {identity}", error) for identity, error in failures]
        return frozenset(identity for identity, is_done in self._registered.items() if is_done)

    def assets(self, wants: Mapping[str, FactoryWant]) -> dict[str, AssetPin]:
        """Pin boot assets; those that fail are missing in the answer."""
        self._tally.expect(len(wants))
        pins = {key: pin for key, want in wants.items() if (pin := self._kept(key, want))}
        for key in pins:
            self._tally.add(key, "kept")
        fresh = self._can_be_made({key: want for key, want in wants.items() if key not in pins})
        with self._store.filling() if self._store and fresh else nullcontext():
            made, failures = self._each(list(fresh), lambda key: self._make(key, fresh[key]))
        self.failures += failures
        found = pins | made
        self._note_makers(found)
        self._note_signers(found)
        return {key: found[key] for key in wants if key in found}

    def _each(
        self, items: Sequence[str], operation: Callable[[str], T]
    ) -> tuple[dict[str, T], Failures]:
        stop = self._factory.stop if self._factory else None
        return run_each(items, operation, workers=_WORKERS, interrupted=stop)

    def _register(self, identity: str) -> None:
        try:
            self._client.register(self._schematics[identity])
        except OtherIdError as error:
            error.hint = _OTHER_ID
            raise

    @property
    def _client(self) -> FactoryClient:
        if self._factory is None:
            raise FactoryError("no Image Factory is at hand that could be asked")
        return self._factory

    def _kept(self, key: str, want: FactoryWant) -> AssetPin | None:
        pin = self._previous.get(key)
        if pin is None or pin.made_by is None or pin.url != want.asset.url:
            return None
        if self._upgrade.moves(key) or (want.asset.name.startswith(_CMDLINE) and pin.text is None):
            return None
        return pin.model_copy(update={"needed_by": want.needed_by})

    def _can_be_made(self, wants: Mapping[str, FactoryWant]) -> dict[str, FactoryWant]:
        """Return those whose Talos release the factory builds and whose schematic it has."""
        releases = sorted({want.asset.talos for want in wants.values()})
        known, failures = self._each(releases, self._require_version)
        self.failures += [(f"Talos {talos}", error) for talos, error in failures]
        built = {key: want for key, want in wants.items() if want.asset.talos in known}
        registered = self.register(want.asset.schematic for want in built.values())
        return {key: want for key, want in built.items() if want.asset.schematic in registered}

    def _require_version(self, talos: str) -> None:
        self._client.require_version(talos)

    def _make(self, key: str, want: FactoryWant) -> AssetPin:
        client = self._client
        external_url = client.external_url(want.asset, want.architecture)
        made_by = FactoryOrigin(
            schematic=want.asset.schematic, version=client.release, external_url=external_url
        )
        is_text = want.asset.name.startswith(_CMDLINE)
        asset = self._find(key, want, made_by)
        if asset is None:
            take = self._read if is_text else self._receive
            asset = _asset(want, made_by, take(key, want))
            if self._store:
                self._store.add_asset(key, asset)
        self._tally.add(key, "resolved", asset.size)
        return AssetPin(
            sha256=str(asset.sha256),
            sha512=str(asset.sha512),
            size=asset.size,
            url=asset.origin,
            needed_by=want.needed_by,
            made_by=made_by,
            text=self._text(key, asset) if is_text else None,
        )

    def _find(self, key: str, want: FactoryWant, made_by: FactoryOrigin) -> StoredAsset | None:
        """Return what an earlier run has brought of the same factory, unless it is to move."""
        known = self._stored.get(key)
        if known is None or self._store is None or self._upgrade.moves(key):
            return None
        is_same = (known.origin, known.made_by) == (want.asset.url, made_by.words)
        return known if is_same and self._store.has(known.sha256) else None

    def _receive(self, key: str, want: FactoryWant) -> FileDigests:
        """Wait until it is built, and bring it into the store; cut off, nothing of it stays."""
        if self._store is None:
            sink = _Hashed()
            self._client.transfer(want.asset, sink, size=None, max_bytes=_MAX_ASSET_BYTES).run()
            return sink.digests
        with self._store.receive_new(max_bytes=_MAX_ASSET_BYTES) as reception:
            target = Metered(reception, key, self._progress)
            self._client.transfer(want.asset, target, size=None, max_bytes=_MAX_ASSET_BYTES).run()
            return reception.digests

    def _read(self, key: str, want: FactoryWant) -> FileDigests:
        """Wait until a small text is built, and keep it in hand, too."""
        sink = _Hashed(keep=True)
        self._client.transfer(want.asset, sink, size=None, max_bytes=_MAX_TEXT_BYTES).run()
        self._texts[key] = _one_line(key, bytes(sink.data))
        if self._store:
            self._store.put(bytes(sink.data))
        return sink.digests

    def _text(self, key: str, asset: StoredAsset) -> str | None:
        if key not in self._texts and self._store is not None:
            data = self._store.read(asset.sha256, max_bytes=_MAX_TEXT_BYTES)
            self._texts[key] = _one_line(key, data)
        return self._texts.get(key)

    def _note_makers(self, pins: Mapping[str, AssetPin]) -> None:
        """Say where files that belong together were made by several factories."""
        makers: defaultdict[str, set[str]] = defaultdict(set)
        for key, pin in pins.items():
            if pin.made_by is not None:
                makers[key.rpartition("/")[0]].add(pin.made_by.words)
        for place, words in makers.items():
            if len(words) > 1:
                message = f"made by {' and '.join(sorted(words))}; --upgrade has one make all"
                self.notes.append(Note(subject=place, message=message))

    def _note_signers(self, pins: Mapping[str, AssetPin]) -> None:
        """Say where a pin of earlier has other SecureBoot keys than installers made inside."""
        for key, pin in pins.items() if self._signer else ():
            output = read_output(key.rpartition("/")[2])
            maker = pin.made_by.external_url if pin.made_by else ""
            if output and output.secure_boot and maker and origin(maker) != origin(self._signer):
                message = (
                    f"is signed by {maker}, and installers by {self._signer}: machines would not "
                    f"start what they install; --upgrade {key} has it made anew"
                )
                self.notes.append(Note(subject=key, message=message))


def _signer(site: Site) -> str:
    """Return the URL of the site's factory where it makes installers and has keys of its own."""
    factory, asked = site.image_factory, site.upstream.factory
    is_known = asked is not None and asked.same_secure_boot_keys
    is_own = factory.kind != "none" and not is_mirrored(site) and not is_known
    return (factory.endpoint or "") if is_own else ""


class _Hashed:
    """Takes bytes that nobody keeps, or that are few."""

    def __init__(self, *, keep: bool = False) -> None:
        self._keep = keep
        self.restart()

    def restart(self) -> None:
        self._hasher = Hasher(also_sha512=True)
        self.data = bytearray()

    def write(self, data: memoryview) -> None:
        self._hasher.update(data)
        if self._keep:
            self.data += data

    @property
    def digests(self) -> FileDigests:
        return self._hasher.digests()


def _asset(want: FactoryWant, made_by: FactoryOrigin, found: FileDigests) -> StoredAsset:
    if found.sha512 is None or not found.size:
        raise IntegrityError(f"{want.asset.key}: the factory sent nothing")
    return StoredAsset(
        sha256=found.sha256,
        sha512=found.sha512,
        size=found.size,
        origin=want.asset.url,
        made_by=made_by.words,
    )


def _one_line(key: str, data: bytes) -> str:
    """Return the kernel arguments of a file.

    Raises:
        IntegrityError: They are not one line of text.
    """
    try:
        text = data.decode().rstrip("\n")
    except UnicodeDecodeError:
        text = ""
    if not text.strip() or not text.isprintable():
        raise IntegrityError(f"{key}: these are no kernel arguments: {data[:60]!r}")
    return text
