"""The pull side of the OCI distribution specification v1.1.

Control goes through httpx, blob bytes through `airgap.net.Wire`. Every digest is checked. All
operations are safe to repeat, so each is repeated on a retryable failure. Errors are
`RegistryError` (with the answer's `.status`) and `IntegrityError`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from airgap.digest import Digest, is_digest
from airgap.errors import IntegrityError, RegistryError, redact
from airgap.net import RetryPolicy, Sink, Target, Traffic, Transfer
from airgap.net.wire import Exchange
from airgap.oci.answers import (
    blob_path,
    check_digest,
    manifest_path,
    stated_digest,
)
from airgap.oci.auth import Scope
from airgap.oci.channel import Channel
from airgap.oci.credentials import Credentials, MachineCredentials
from airgap.oci.listings import list_referrers, list_tags
from airgap.oci.manifest import (
    ACCEPT,
    MAX_MANIFEST_BYTES,
    Descriptor,
    Manifest,
    parse_manifest,
)
from airgap.oci.referrers import fallback_tag
from airgap.oci.sink import Verifier

__all__ = ["RegistryAddress", "RegistryReader"]

_SIZE = re.compile(r"\d{1,9}\Z", re.ASCII)
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
        traffic: The run's; unlimited and uncounted by default.
        answer_s: How long an answer may take to begin, where that is long.
    """

    def __init__(
        self,
        address: RegistryAddress,
        *,
        credentials: Credentials | None = None,
        retry: RetryPolicy | None = None,
        traffic: Traffic | None = None,
        answer_s: float | None = None,
    ) -> None:
        self.address = address
        self.channel = Channel(
            address.url,
            ca=address.ca,
            host=address.host,
            credentials=credentials or MachineCredentials(),
            retry=retry or RetryPolicy(),
            traffic=traffic,
            answer_s=answer_s,
        )
        self._without_referrers: set[str] = set()

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
        if not stated or not _SIZE.match(length) or int(length) > MAX_MANIFEST_BYTES:
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
        return list_tags(self.channel, repository)

    def referrers(self, repository: str, digest: Digest) -> tuple[Descriptor, ...]:
        """Return what refers to a digest: by the referrers API, else by the fallback tag.

        That there is no such API is remembered for the repositories below the same first name:
        behind a pull-through cache each may be another registry.

        Raises:
            RegistryError: Refused or out of reach.
            IntegrityError: The list is no index.
        """
        namespace = repository.partition("/")[0]
        if namespace not in self._without_referrers:
            found = list_referrers(self.channel, repository, digest)
            if found is not None:
                return found
            self._without_referrers.add(namespace)
        listed = self._find_manifest(repository, fallback_tag(digest))
        return () if listed is None else listed.children

    def lists_referrers(self, repository: str) -> bool:
        """Tell whether the registry is still thought to have a referrers API: not after a 404."""
        return repository.partition("/")[0] not in self._without_referrers

    def _find_manifest(self, repository: str, reference: str) -> Manifest | None:
        try:
            return self.manifest(repository, reference)
        except RegistryError as error:
            if error.status == 404:
                return None
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

    def download_blob(self, repository: str, descriptor: Descriptor, into: Target | Sink) -> None:
        """Stream a blob's bytes into a target or sink, which verifies them.

        A broken connection is continued behind what is there already.

        Raises:
            RegistryError: Not there, refused, or out of reach.
            IntegrityError: Another size than described.
        """
        self.blob_transfer(repository, descriptor, into).run()

    def blob_transfer(
        self, repository: str, descriptor: Descriptor, into: Target | Sink
    ) -> Transfer:
        """Return the transfer of a blob, to be run; other threads may help with it."""
        return self.channel.transfer(
            blob_path(repository, descriptor.digest),
            Scope(repository=repository),
            into,
            size=descriptor.size,
            max_bytes=descriptor.size,
        )

    def open_blob(self, repository: str, descriptor: Descriptor, offset: int = 0) -> Exchange:
        """Return the answer with a blob's bytes from an offset on, unverified.

        The caller reads, verifies and closes it.

        Raises:
            RegistryError: Not there, refused, or it cannot be read from the offset.
            IntegrityError: Another size than described.
        """
        return self.channel.open(
            blob_path(repository, descriptor.digest),
            Scope(repository=repository),
            size=descriptor.size,
            offset=offset,
        )
