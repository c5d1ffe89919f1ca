"""A client of the OCI distribution specification v1.1: pull (`RegistryReader`), push, delete.

Like reading, all of it is safe to repeat and is repeated on a retryable failure: an upload that
breaks is begun anew, a manifest put twice is the same manifest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

from airgap.digest import Digest
from airgap.errors import IntegrityError, UpstreamError, redact
from airgap.net.redirect import follow
from airgap.oci.answers import manifest_path
from airgap.oci.auth import Scope
from airgap.oci.manifest import Descriptor, Manifest
from airgap.oci.reader import RegistryAddress, RegistryReader

__all__ = ["RegistryAddress", "RegistryClient"]

_SESSION_LOST = (404, 416)


class RegistryClient(RegistryReader):
    """One registry. Thread-safe; `close` it, or use it as a context manager."""

    def upload_blob(
        self, repository: str, descriptor: Descriptor, path: Path, *, mount_from: str = ""
    ) -> Literal["mounted", "uploaded"]:
        """Bring a blob into a repository: mounted from a sibling repository, else sent.

        Args:
            repository: Where it goes.
            descriptor: The blob.
            path: The file that holds it; the registry verifies what it gets.
            mount_from: A repository of this registry that is thought to have it.

        Raises:
            RegistryError: Refused, or out of reach.
        """
        also = (mount_from,) if mount_from else ()
        scope = Scope(repository=repository, push=True, also_pull=also)
        query = {"mount": str(descriptor.digest), "from": mount_from} if mount_from else {}
        start = f"{self.channel.url}/v2/{repository}/blobs/uploads/"
        start += f"?{urlencode(query)}" if query else ""

        def operation(headers: dict[str, str]) -> Literal["mounted", "uploaded"]:
            answer = self.channel.send_once(
                "POST", start, ok=(201, 202), headers=headers, content=b""
            )
            if answer.status == 201:
                return "mounted"
            location = follow(start, answer.headers.get("location", ""))
            self._finish_upload(location, descriptor.digest, path, headers)
            return "uploaded"

        return self.channel.run(scope, operation)

    def _finish_upload(
        self, session: str, digest: Digest, path: Path, headers: dict[str, str]
    ) -> None:
        joint = "&" if "?" in session else "?"
        url = f"{session}{joint}{urlencode({'digest': str(digest)})}"
        try:
            self.channel.put_file(url, path, ok=(201, 204), headers=headers)
        except UpstreamError as error:
            if error.status not in _SESSION_LOST:
                raise
            raise UpstreamError(error.message, status=error.status, retryable=True) from error

    def put_manifest(self, repository: str, reference: str, manifest: Manifest) -> None:
        """Put a manifest or index, whose parts are there already, under a tag or its digest.

        Raises:
            RegistryError: Refused (405: the registry is read-only), or out of reach.
            IntegrityError: The registry took it under another digest.
        """
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
