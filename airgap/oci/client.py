"""A client of the OCI distribution specification v1.1: pull (`RegistryReader`), push, delete.

Like reading, all of it is safe to repeat and is repeated on a retryable failure: a manifest put
twice is the same manifest, and how an upload goes on is `airgap.oci.upload`'s.
"""

from __future__ import annotations

import threading

from airgap.digest import Digest
from airgap.errors import IntegrityError, RegistryError, redact
from airgap.net import Answer, RetryPolicy, Traffic
from airgap.oci.answers import manifest_path, uploads_path
from airgap.oci.auth import Scope
from airgap.oci.credentials import Credentials
from airgap.oci.manifest import Descriptor, Manifest
from airgap.oci.reader import RegistryAddress, RegistryReader
from airgap.oci.referrers import add_referrer, fallback_tag
from airgap.oci.session import Habits
from airgap.oci.sources import BlobSource, UploadSessions
from airgap.oci.upload import Upload, UploadOutcome

__all__ = ["RegistryAddress", "RegistryClient"]

_LIST_TRIES = 5


class RegistryClient(RegistryReader):
    """One registry. Thread-safe; `close` it, or use it as a context manager.

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
        super().__init__(
            address, credentials=credentials, retry=retry, traffic=traffic, answer_s=answer_s
        )
        self._habits = Habits()
        self._listing = threading.Lock()

    def upload_blob(
        self,
        repository: str,
        descriptor: Descriptor,
        source: BlobSource,
        *,
        mount_from: str = "",
        sessions: UploadSessions | None = None,
    ) -> UploadOutcome:
        """Bring a blob into a repository: mounted from a sibling repository, else sent.

        What is cut goes on where the registry's own account of it ends, in this call and, with
        `sessions`, in a later run.

        Args:
            repository: Where it goes.
            descriptor: The blob.
            source: Its bytes; the registry verifies what it gets.
            mount_from: A repository of this registry that is thought to have it.
            sessions: Remembers an upload under way.

        Raises:
            RegistryError: Refused, or out of reach.
            IntegrityError: The bytes are not the blob's.
        """
        upload = Upload(
            self.channel,
            self._habits,
            repository,
            descriptor,
            source,
            mount_from=mount_from,
            sessions=sessions,
        )
        also = (mount_from,) if mount_from else ()
        scope = Scope(repository=repository, push=True, also_pull=also)
        return self.channel.run(uploads_path(repository), scope, upload.attempt)

    def put_manifest(self, repository: str, reference: str, manifest: Manifest) -> None:
        """Put a manifest or index, whose parts are there already, under a tag or its digest.

        One that refers to a subject is found by its subject afterwards: where the registry does
        not say that it lists it (`OCI-Subject`), it is listed under the subject's fallback tag.

        Raises:
            RegistryError: Refused (405: the registry is read-only), or out of reach.
            IntegrityError: The registry took it under another digest, or the fallback tag is no
                list of referrers.
        """
        answer = self._put(repository, reference, manifest)
        if manifest.subject is not None and not answer.headers.get("oci-subject"):
            self._list_referrer(repository, manifest, fallback_tag(manifest.subject.digest))

    def _put(self, repository: str, reference: str, manifest: Manifest) -> Answer:
        answer = self.channel.send(
            "PUT",
            manifest_path(repository, reference),
            Scope(repository=repository, push=True),
            ok=(200, 201, 202),
            headers={"Content-Type": manifest.media_type},
            content=manifest.raw,
        )
        stated = answer.headers.get("docker-content-digest", str(manifest.digest))
        if stated != str(manifest.digest):
            raise IntegrityError(
                f"{redact(answer.url)}: the registry took {manifest.digest} as {stated}"
            )
        return answer

    def _list_referrer(self, repository: str, manifest: Manifest, tag: str) -> None:
        """Add a manifest to the list under a fallback tag, and see that it stayed there.

        A tag cannot be changed conditionally: another client may write an older list over ours.
        """
        with self._listing:
            for _ in range(_LIST_TRIES):
                merged = add_referrer(self._find_manifest(repository, tag), manifest)
                if merged is None:
                    return
                self._put(repository, tag, merged)
        raise RegistryError(
            f"{redact(self.address.url)}/{repository}:{tag}: {manifest.digest} is not kept there",
            hint="somebody else pushes referrers of the same subject: run again when that is done",
        )

    def delete_manifest(self, repository: str, digest: Digest) -> bool:
        """Delete a manifest and every tag on it; tell whether it was there.

        Raises:
            RegistryError: Refused; `.status` 405 where the registry does not delete.
        """
        return self._delete(repository, str(digest))

    def delete_tag(self, repository: str, tag: str) -> bool:
        """Delete a tag, not what it points to; tell whether it was there.

        Raises:
            RegistryError: Refused; `.status` 400 or 405 where the registry does not do that.
        """
        return self._delete(repository, tag)

    def _delete(self, repository: str, reference: str) -> bool:
        answer = self.channel.send(
            "DELETE",
            manifest_path(repository, reference),
            Scope(repository=repository, push=True),
            ok=(200, 202, 204, 404),
        )
        return answer.status != 404
