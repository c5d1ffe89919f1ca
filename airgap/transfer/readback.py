"""What a mirror's URL really serves: read whole, hashed, compared.

The proof that the web server serves the directory that was published to, over TLS as the site has
it: Sidero reads through the same URL and checks nothing. What was proved before is only asked for,
without its bytes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import partial
from typing import Self

from airgap.digest import Digest
from airgap.errors import IntegrityError, PublishError, UpstreamError, redact
from airgap.net import (
    RETRYABLE,
    Answer,
    Download,
    RetryPolicy,
    Sink,
    Traffic,
    Transfer,
    Wire,
    client_context,
)
from airgap.net.failure import refuse_page
from airgap.net.stream import Attempt
from airgap.store import CHECKSUMS, split_key
from airgap.transfer.checksums import parse_checksums
from airgap.transfer.destination import AssetItem, MirrorDestination

__all__ = ["MirrorReader"]

_LENGTH = re.compile(r"\d{1,18}\Z", re.ASCII)
_MAX_CHECKSUMS_BYTES = 4 * 1024 * 1024


class _Hash:
    """A sink that hashes by sha512."""

    def __init__(self) -> None:
        self._hash = hashlib.sha512()
        self.data = bytearray()

    def write(self, data: memoryview) -> None:
        self._hash.update(data)

    def restart(self) -> None:
        self._hash = hashlib.sha512()
        self.data.clear()

    @property
    def digest(self) -> Digest:
        return Digest("sha512", self._hash.hexdigest())


class _Text(_Hash):
    """A sink that keeps a small text as well."""

    def write(self, data: memoryview) -> None:
        super().write(data)
        self.data += data


class MirrorReader:
    """Reads a mirror through its URL. Thread-safe; `close` it, or use it as a context manager.

    Args:
        destination: The mirror.
        retry: How patiently to repeat.
        traffic: The run's; unlimited and uncounted by default.
    """

    def __init__(
        self,
        destination: MirrorDestination,
        *,
        retry: RetryPolicy | None = None,
        traffic: Traffic | None = None,
    ) -> None:
        self._destination = destination
        self._base = destination.url.rstrip("/")
        self._traffic = traffic or Traffic(most_per_host=None)
        self._retry = self._traffic.counted(retry or RetryPolicy())
        self._wire = Wire(client_context(destination.ca), traffic=self._traffic)

    def close(self) -> None:
        """Close all connections."""
        self._wire.close()

    def __enter__(self) -> Self:
        """Enter."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close."""
        self.close()

    def observe(self, item: AssetItem, path: str) -> Digest | None:
        """Return the sha512 of what is served at a path; None when nothing is.

        Raises:
            UpstreamError: Refused, or out of reach.
            IntegrityError: Something of another size is served there.
        """
        sink = _Hash()
        try:
            self._download(path, sink, size=item.size, max_bytes=item.size)
        except UpstreamError as error:
            if error.status == 404:
                return None
            raise
        return sink.digest

    def check(self, item: AssetItem) -> None:
        """Read an asset at both its paths, and see that they serve its bytes.

        Raises:
            PublishError: The URL serves something else, or nothing.
        """
        for path in item.paths:
            self.check_at(item, path)

    def check_at(self, item: AssetItem, path: str) -> None:
        """Read an asset at a path, and see that its bytes are served there.

        Raises:
            PublishError: The URL serves something else, or nothing.
        """
        self._hold(path, partial(self.observe, item, path), item.sha512)

    def check_offered(self, item: AssetItem) -> None:
        """See that something of an asset's size is served at both its paths, without reading it.

        A server that does not tell is read.

        Raises:
            PublishError: The URL serves something else, or nothing.
        """
        for path in item.paths:
            url = f"{redact(self._base)}/{path}"
            try:
                answer = self._ask(path)
            except UpstreamError as error:
                raise self._mismatch(f"{url} cannot be read back: {error.message}") from error
            length = answer.headers.get("content-length", "")
            if answer.status == 404:
                raise self._mismatch(f"{url} serves nothing (404), published was {item.sha512}")
            if answer.status != 200 or not _LENGTH.match(length):
                self.check_at(item, path)
            elif int(length) != item.size:
                raise self._mismatch(f"{url} serves {length} bytes, published were {item.size}")

    def check_listed(self, item: AssetItem) -> None:
        """See that its directory's checksums.txt lists an asset with its digest.

        Raises:
            PublishError: It does not.
        """
        directory, file = split_key(item.name)
        path = f"{directory}/{CHECKSUMS}"

        def listed() -> Digest | None:
            text = _Text()
            self._download(path, text, size=None, max_bytes=_MAX_CHECKSUMS_BYTES)
            return parse_checksums(text.data.decode("utf-8", "replace")).get(file)

        self._hold(path, listed, item.sha512)

    def _download(self, path: str, sink: Sink, *, size: int | None, max_bytes: int) -> None:
        url = f"{self._base}/{path}"
        download = Download(self._wire, url, sink, size=size, max_bytes=max_bytes)

        def attempt(step: Attempt) -> None:
            with self._traffic.attempt(url):
                step({})

        Transfer(download, lambda step: self._retry.run(lambda: attempt(step))).run()

    def _ask(self, path: str) -> Answer:
        """Return the answer to a HEAD, whatever its status is that is no reason to ask again."""
        url = f"{self._base}/{path}"

        def attempt() -> Answer:
            with self._traffic.attempt(url):
                answer = self._wire.send("HEAD", url, headers={"User-Agent": "sidero-airgap"})
                if answer.status in RETRYABLE:
                    raise answer.refusal()
                if answer.status == 200:
                    refuse_page(answer.url, answer.headers)
                return answer

        return self._retry.run(attempt)

    def _hold(self, path: str, observe: Callable[[], Digest | None], expected: Digest) -> None:
        url = f"{redact(self._base)}/{path}"
        try:
            found = observe()
        except (UpstreamError, IntegrityError) as error:
            raise self._mismatch(f"{url} cannot be read back: {error.message}") from error
        if found != expected:
            served = f"serves {found}" if found else "serves nothing (404)"
            raise self._mismatch(f"{url} {served}, published was {expected}")

    def _mismatch(self, message: str) -> PublishError:
        where = self._destination.path
        hint = (
            f"does the web server map {self._base} to {where}, and can its user read all of that?"
            if where
            else f"is `python -m airgap serve` running over this store at {self._base}?"
        )
        return PublishError(message, hint=hint)
