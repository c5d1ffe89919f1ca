"""Looks all the time at what the site serves, as a node and Sidero would, and hashes it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from hashlib import sha256, sha512
from typing import Self

import httpx

from airgap.lock import Lock
from airgap.oci.reference import parse_reference
from tests.stacks.site import PracticeSite, places_of

__all__ = ["Watcher"]

_PATIENCE_S = 60.0
_ACCEPT = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.list.v2",
        "docker.distribution.manifest.v2",
    )
)


class Watcher:
    """Gets every served name in turn until it is left; `wrong` holds what should never be seen,
    `expected` the digest of each URL.

    Args:
        site: The site to look at.
        locks: What may be there. Names of all are looked at.
    """

    def __init__(self, site: PracticeSite, *locks: Lock) -> None:
        self.wrong: list[str] = []
        self.seen: dict[str, int] = {}
        trust = site.outside.authority.trust()
        self._client = httpx.Client(verify=trust, trust_env=False, timeout=_PATIENCE_S)
        self.expected = {**_images(site, locks), **_assets(site, locks)}
        self._sums = {name: pin.sha512 for lock in locks for name, pin in lock.assets.items()}
        self._lists = {
            f"{site.website.url}/talos/{version}/checksums.txt": version
            for version in sorted({name.partition("/")[0] for name in self._sums})
        }
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        """Start to look."""
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join()
        self._client.close()

    def _watch(self) -> None:
        while not self._stop.is_set():
            self._look_around()
        self._look_around()  # at all that was there in the end

    def _look_around(self) -> None:
        for url, digest in self.expected.items():
            self._look(url, digest)
        for url, version in self._lists.items():
            self._look_at_list(url, version)

    def _get(self, url: str) -> bytes | None:
        response = self._client.get(url, headers={"Accept": _ACCEPT})
        if response.status_code == 404:
            return None
        self.seen[url] = self.seen.get(url, 0) + 1
        if response.status_code != 200:
            self.wrong.append(f"{url}: {response.status_code}")
        return response.content

    def _look(self, url: str, digest: str) -> None:
        data = self._get(url)
        if data is None:
            return
        algorithm, _, wanted = digest.partition(":")
        found = {"sha256": sha256, "sha512": sha512}[algorithm](data).hexdigest()
        if found != wanted:
            self.wrong.append(f"{url}: {len(data)} bytes with {found}, not {wanted}")

    def _look_at_list(self, url: str, version: str) -> None:
        for line in (self._get(url) or b"").decode().splitlines():
            digest, _, file = line.partition("  ")
            if self._sums.get(f"{version}/{file}") != f"sha512:{digest}":
                self.wrong.append(f"{url}: {line}")


def _images(site: PracticeSite, locks: Iterable[Lock]) -> dict[str, str]:
    expected = {}
    for lock in locks:
        for text, pin in lock.images.items():
            reference = parse_reference(text)
            wanted = reference.tag or reference.digest
            expected[f"{site.registry.url}/v2/{reference.name}/manifests/{wanted}"] = pin.digest
    return expected


def _assets(site: PracticeSite, locks: Iterable[Lock]) -> dict[str, str]:
    return {
        f"{site.website.url}/talos/{place}": pin.sha512
        for lock in locks
        for name, pin in lock.assets.items()
        for place in places_of(name, pin.sha512)
    }
