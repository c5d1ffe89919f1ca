"""Resolve boot assets: streamed once, sha256 and sha512 in one pass, held to the release's sums.

One of the author's own has no sums to be held to: it is hashed, and that is its pin.
"""

from __future__ import annotations

import hashlib
import re
import threading

from airgap.digest import Digest
from airgap.errors import IntegrityError, UpstreamError
from airgap.lock import AssetPin
from airgap.net import Sink, Target
from airgap.resolve.needs import AssetWant
from airgap.resolve.releases import Releases
from airgap.resolve.sources import FileSource
from airgap.store import Store, StoredAsset
from airgap.talos import CHECKSUMS, asset_url

__all__ = ["Assets"]

_MAX_ASSET_BYTES = 4 * 1024**3
_MAX_OWN_BYTES = 64 * 1024**3
"""A disk image of the author's own may hold a whole image cache."""
_MAX_SUMS_BYTES = 1024 * 1024
_SUM_LINE = re.compile(r"([0-9a-f]{128}) [ *](\S+)")


class Assets:
    """The releases' files. Thread-safe: a release's sums are read once.

    Args:
        source: Files by public URL.
        store: Where the bytes are kept; None only hashes them.
        releases: Tells who signed a release's sums; nobody is asked by default.
    """

    def __init__(
        self, source: FileSource, store: Store | None, releases: Releases | None = None
    ) -> None:
        self._source = source
        self._store = store
        self._releases = releases or Releases()
        self._signers: dict[str, str] = {}
        self._stored = store.assets() if store else {}
        self._sums: dict[str, dict[str, Digest]] = {}
        self._lock = threading.Lock()

    def stated_sum(self, want: AssetWant) -> Digest:
        """Return the sha512 that the release itself states for a file.

        Raises:
            UpstreamError: The sums are out of reach, or do not list the file.
            SignatureError: The sums are signed, but not by whom the site says.
        """
        with self._lock:
            if want.version not in self._sums:
                self._read_sums(want.version)
            sums = self._sums[want.version]
        if want.name not in sums:
            url = asset_url(want.version, CHECKSUMS)
            raise UpstreamError(f"{url} does not list {want.name}")
        return sums[want.name]

    def signer(self, want: AssetWant) -> str:
        """Return who signed the sums that `stated_sum` has read, as the lock records it."""
        return self._signers[want.version]

    def _read_sums(self, version: str) -> None:
        url = asset_url(version, CHECKSUMS)
        data = self._source.read(url, max_bytes=_MAX_SUMS_BYTES)
        self._signers[version] = self._releases.signer(self._source, url, data)
        self._sums[version] = _parse_sums(data, url)

    def resolve(self, want: AssetWant) -> AssetPin:
        """Pin a boot asset; its bytes are read unless the store holds the very ones.

        Raises:
            UpstreamError: It is not there, or out of reach.
            IntegrityError: The bytes are not those of the release's sums.
        """
        if want.file:
            return self._resolve_own(want)
        key, stated = f"{want.version}/{want.name}", self.stated_sum(want)
        known = self._stored.get(key)
        if self._store and known and known.sha512 == stated and self._store.has(known.sha256):
            return _pin(want, known, self.signer(want))
        asset = self._read(want, stated)
        if self._store:
            self._store.add_asset(key, asset)
        return _pin(want, asset, self.signer(want))

    def _resolve_own(self, want: AssetWant) -> AssetPin:
        """Pin the author's own file as it is now, and keep it in the store."""
        hasher = _Hasher()
        self._download(want, hasher)
        asset = StoredAsset(
            sha256=hasher.sha256, sha512=hasher.sha512, size=hasher.size, origin=want.url
        )
        if self._store:
            if not self._store.has(asset.sha256):
                with self._store.receive_asset(asset.sha512, max_bytes=asset.size) as reception:
                    self._download(want, reception)
            self._store.add_asset(f"{want.version}/{want.name}", asset)
        return _pin(want, asset, "")

    def _read(self, want: AssetWant, stated: Digest) -> StoredAsset:
        if self._store is None:
            hasher = _Hasher()
            self._download(want, hasher)
            return _checked(want, stated, hasher.sha256, hasher.sha512, hasher.size)
        try:
            return self._receive(self._store, want, stated)
        except _StaleBytesError:
            return self._receive(self._store, want, stated)

    def _receive(self, store: Store, want: AssetWant, stated: Digest) -> StoredAsset:
        """Bring an asset into the store, going on where an earlier run was cut off."""
        with store.receive_asset(stated, max_bytes=_MAX_ASSET_BYTES) as reception:
            resumed = reception.resumed_bytes
            self._download(want, reception)
            found = reception.digests
            if resumed and found.sha512 != stated:
                raise _StaleBytesError(f"{want.version}/{want.name}: {resumed} bytes were bad")
            return _checked(want, stated, found.sha256, found.sha512, found.size)

    def _download(self, want: AssetWant, into: Target | Sink) -> None:
        most = _MAX_OWN_BYTES if want.file else _MAX_ASSET_BYTES
        self._source.download(want.url, into, size=None, max_bytes=most)


class _StaleBytesError(IntegrityError):
    """Bytes that an earlier run had kept may be the bad ones: they are gone, try once more."""


class _Hasher:
    """Takes the bytes where nobody keeps them."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self._sha256 = hashlib.sha256()
        self._sha512 = hashlib.sha512()
        self.size = 0

    def write(self, data: memoryview) -> None:
        self._sha256.update(data)
        self._sha512.update(data)
        self.size += len(data)

    @property
    def sha256(self) -> Digest:
        return Digest("sha256", self._sha256.hexdigest())

    @property
    def sha512(self) -> Digest:
        return Digest("sha512", self._sha512.hexdigest())


def _checked(
    want: AssetWant, stated: Digest, sha256: Digest, sha512: Digest | None, size: int
) -> StoredAsset:
    """Return the asset when its bytes are the release's; raised inside the store's block."""
    if sha512 != stated:
        raise IntegrityError(
            f"{want.version}/{want.name}: {size} bytes with {sha512}, "
            f"but {CHECKSUMS} of the release says {stated}"
        )
    return StoredAsset(sha256=sha256, sha512=stated, size=size, origin=want.url)


def _pin(want: AssetWant, asset: StoredAsset, signer: str) -> AssetPin:
    return AssetPin(
        sha256=str(asset.sha256),
        sha512=str(asset.sha512),
        size=asset.size,
        url=want.url,
        needed_by=want.needed_by,
        signed_by=signer,
    )


def _parse_sums(data: bytes, url: str) -> dict[str, Digest]:
    """Read coreutils' format: `<hex>␠␠<name>` or `<hex>␠*<name>` a line."""
    sums: dict[str, Digest] = {}
    for line in data.decode("utf-8", "replace").splitlines():
        match = _SUM_LINE.fullmatch(line.strip())
        if match:
            sums[match[2]] = Digest("sha512", match[1])
    if not sums:
        raise UpstreamError(f"{url} holds no sha512 sums; it begins {data[:40]!r}")
    return sums
