"""The pull side of the OCI distribution specification v1.1.

Control goes through httpx, blob bytes through `airgap.net.Wire`. Every digest is checked. All
operations are safe to repeat, so each is repeated on a retryable failure. Errors are
`RegistryError` (with the answer's `.status`) and `IntegrityError`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import urljoin, urlsplit

from airgap.digest import Digest, is_digest
from airgap.errors import IntegrityError, RegistryError, redact
from airgap.net import RetryPolicy, Sink
from airgap.net.redirect import is_same_origin
from airgap.oci.answers import (
    blob_path,
    check_digest,
    manifest_path,
    read_tags,
    stated_digest,
)
from airgap.oci.auth import Scope
from airgap.oci.channel import Channel
from airgap.oci.credentials import Credentials, MachineCredentials
from airgap.oci.manifest import (
    ACCEPT,
    MAX_MANIFEST_BYTES,
    OCI_INDEX,
    Descriptor,
    Manifest,
    parse_manifest,
)
from airgap.oci.sink import Verifier

__all__ = ["RegistryAddress", "RegistryReader"]

_NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')
_MAX_PAGES = 1000
_FOUND = (200,)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryAddress:
    """Where a registry is: `scheme://host[:port]`, and the PEM to trust instead of the machine's.

    `host` is the name its credentials go by when that is not the URL's own (Docker Hub).
    """

    url: str
    ca: str | None = None
    host: str = ""


class RegistryReader:
    """One registry, read. Thread-safe; `close` it, or use it as a context manager.

    Args:
        address: Where it is.
        credentials: Where credentials come from; this machine's by default.
        retry: How patiently to repeat.
    """

    def __init__(
        self,
        address: RegistryAddress,
        *,
        credentials: Credentials | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        self.address = address
        self.channel = Channel(
            address.url,
            ca=address.ca,
            host=address.host,
            credentials=credentials or MachineCredentials(),
            retry=retry or RetryPolicy(),
        )

    def close(self) -> None:
        """Close all connections."""
        self.channel.close()

    def __enter__(self) -> Self:
        """Enter."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close."""
        self.close()

    def manifest(self, repository: str, reference: str) -> Manifest:
        """Return the manifest or index of a tag or digest, verified.

        Raises:
            RegistryError: Not there (`.status` 404), refused, or out of reach.
            IntegrityError: Other bytes than the digest asked for, or than the registry's own.
        """
        answer = self.channel.send(
            "GET",
            manifest_path(repository, reference),
            Scope(repository=repository),
            ok=_FOUND,
            headers={"Accept": ACCEPT},
            max_bytes=MAX_MANIFEST_BYTES,
        )
        expected = reference if is_digest(reference) else stated_digest(answer)
        source = f"{redact(self.address.url)}/{repository}@{reference}"
        if expected:
            check_digest(answer.body, Digest.parse(expected), source)
        media_type = answer.headers.get("content-type", "")
        return parse_manifest(answer.body, media_type=media_type, source=source)

    def head_manifest(self, repository: str, reference: str) -> Descriptor | None:
        """Return the descriptor of a tag or digest, or None when the registry has it not.

        One HEAD; a registry that states no digest is asked for the bytes.

        Raises:
            RegistryError: Refused or out of reach.
            IntegrityError: Asked for a digest, the registry states another.
        """
        path = manifest_path(repository, reference)
        answer = self.channel.send(
            "HEAD", path, Scope(repository=repository), ok=(200, 404), headers={"Accept": ACCEPT}
        )
        if answer.status == 404:
            return None
        stated, length = stated_digest(answer), answer.headers.get("content-length", "")
        if not stated or not length.isdigit():
            return self.manifest(repository, reference).descriptor
        if is_digest(reference) and stated != reference:
            raise IntegrityError(f"{redact(answer.url)}: the registry states digest {stated}")
        media_type = answer.headers.get("content-type", "").partition(";")[0].strip()
        return Descriptor(media_type=media_type, digest=Digest.parse(stated), size=int(length))

    def tags(self, repository: str) -> tuple[str, ...]:
        """Return all tags of a repository in the registry's order, page by page.

        Raises:
            RegistryError: No such repository (404), refused, or an endless list.
        """
        tags: list[str] = []
        path = f"/v2/{repository}/tags/list"
        for _ in range(_MAX_PAGES):
            answer = self.channel.send("GET", path, Scope(repository=repository), ok=_FOUND)
            tags += read_tags(answer)
            link = _NEXT.search(answer.headers.get("link", ""))
            if link is None:
                return tuple(tags)
            path = self._own_path(answer.url, link[1])
        raise RegistryError(f"{redact(self.address.url)}: {repository} has endless pages of tags")

    def referrers(self, repository: str, digest: Digest) -> tuple[Descriptor, ...]:
        """Return what refers to a digest: by the referrers API, else by the fallback tag.

        Raises:
            RegistryError: Refused or out of reach.
        """
        path = f"/v2/{repository}/referrers/{digest}"
        answer = self.channel.send(
            "GET", path, Scope(repository=repository), ok=(200, 404), headers={"Accept": OCI_INDEX}
        )
        if answer.status == 200:
            return parse_manifest(answer.body, source=redact(answer.url)).children
        try:
            return self.manifest(repository, f"{digest.algorithm}-{digest.hex}").children
        except RegistryError as error:
            if error.status == 404:
                return ()
            raise

    def has_blob(self, repository: str, digest: Digest) -> bool:
        """Tell whether a repository serves a blob."""
        answer = self.channel.send(
            "HEAD", blob_path(repository, digest), Scope(repository=repository), ok=(200, 404)
        )
        return answer.status == 200

    def read_blob(self, repository: str, descriptor: Descriptor, *, max_bytes: int) -> bytes:
        """Return a small blob's bytes, verified.

        Raises:
            RegistryError: Not there, refused, or out of reach.
            IntegrityError: Larger than `max_bytes`, or other bytes.
        """
        if descriptor.size > max_bytes:
            raise IntegrityError(
                f"{descriptor.digest}: {descriptor.size} bytes are more than {max_bytes}"
            )
        verifier = Verifier(descriptor, keep=True)
        self.download_blob(repository, descriptor, verifier)
        verifier.check(f"{redact(self.address.url)}/{repository}")
        return bytes(verifier.data)

    def verify_blob(self, repository: str, descriptor: Descriptor) -> None:
        """Read a blob whole and compare it with its digest.

        Raises:
            RegistryError: Not there, refused, or out of reach.
            IntegrityError: Other bytes.
        """
        verifier = Verifier(descriptor)
        self.download_blob(repository, descriptor, verifier)
        verifier.check(f"{redact(self.address.url)}/{repository}")

    def download_blob(self, repository: str, descriptor: Descriptor, sink: Sink) -> None:
        """Stream a blob's bytes into a sink, which verifies them.

        A broken connection is continued behind what the sink already has.

        Raises:
            RegistryError: Not there, refused, or out of reach.
            IntegrityError: Another size than described.
        """
        self.channel.download(
            blob_path(repository, descriptor.digest),
            Scope(repository=repository),
            sink,
            size=descriptor.size,
            max_bytes=descriptor.size,
        )

    def _own_path(self, url: str, link: str) -> str:
        """Return the path of a page's successor, which has to be on this registry."""
        target = urljoin(url, link)
        if not is_same_origin(target, self.channel.url):
            raise RegistryError(f"{redact(url)}: the next page of tags is at {redact(target)}")
        parts = urlsplit(target)
        return f"{parts.path}?{parts.query}"
