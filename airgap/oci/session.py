"""An upload session at a registry: where it is, how far it is, and its end.

Distribution specification v1.1, "Pushing blobs"; what real registries answer is told in
`airgap.oci.upload`, which decides what is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from urllib.parse import urlencode

from airgap.digest import Digest
from airgap.errors import RegistryError, UpstreamError, redact
from airgap.net import Answer
from airgap.net.redirect import follow, headers_for
from airgap.oci.answers import blob_path, last_byte, uploads_path
from airgap.oci.channel import Channel
from airgap.oci.sources import UploadSessions

__all__ = ["Habits", "Session"]

_SETTLE_S = 0.1
_SETTLE_TRIES = 20
_NO_STATUS = (400, 404, 405, 410, 416, 500, 501)
_TOO_SMALL = (400, 413, 416)


class Habits:
    """What was learnt of one registry's ways; shared by its uploads. Thread-safe.

    Attributes:
        takes_whole: Whether a PUT with a body is taken.
        range_is_length: Whether an upload's Range ends with its length instead of its last byte;
            None until it was tried.
    """

    def __init__(self) -> None:
        self.takes_whole = True
        self.range_is_length: bool | None = None


class Session:
    """One blob's upload session. `headers` is the authorization of the attempt under way.

    Args:
        channel: The way to the registry.
        habits: What is known of it.
        repository: Where the blob goes.
        digest: The blob's.
        record: Remembers where the session is for the next run, and knows what the last one left.
    """

    def __init__(
        self,
        channel: Channel,
        habits: Habits,
        repository: str,
        digest: Digest,
        record: UploadSessions | None,
    ) -> None:
        self._channel = channel
        self._habits = habits
        self._repository = repository
        self._digest = digest
        self._record = record
        found = record.find(repository, digest) if record else None
        self.location = follow(channel.url, found) if found else ""
        self.headers: Mapping[str, str] = {}

    @property
    def closing(self) -> str:
        """The URL whose PUT closes the upload."""
        joint = "&" if "?" in self.location else "?"
        return f"{self.location}{joint}{urlencode({'digest': str(self._digest)})}"

    def begin(self, mount_from: str) -> bool:
        """Open the session; tell whether the blob was mounted instead."""
        query = {"mount": str(self._digest), "from": mount_from} if mount_from else {}
        start = self._channel.url + uploads_path(self._repository)
        start += f"?{urlencode(query)}" if query else ""
        answer = self._send("POST", start, ok=(201, 202), content=b"")
        if answer.status == 201:
            return True
        # A mount that is declined has opened the session already.
        self.go_to(answer)
        return False

    def reached(self) -> int | None:
        """Return how many bytes the registry has; None: it does not say, or the session is gone."""
        last = self._settled()
        return None if last is None else self._count(last)

    def go_to(self, answer: Answer) -> None:
        """Go on at an answer's Location: absolute or relative, its query kept."""
        stated = answer.headers.get("location", "")
        if not stated and self.location:
            return
        self.location = follow(answer.url, stated)
        if self._record:
            self._record.keep(self._repository, self._digest, self.location)

    def abandon(self) -> None:
        """Cancel the upload as far as the registry does that, and forget it."""
        with suppress(UpstreamError):
            if self.location:
                self._settled()  # a cut upload can only be cancelled at its newest Location
                self._send("DELETE", self.location, ok=(200, 202, 204))
        self.forget()

    def forget(self) -> None:
        self.location = ""
        if self._record:
            self._record.drop(self._repository, self._digest)

    def has_arrived(self) -> bool:
        """Tell whether the blob is there: the answer to its last byte may have been lost."""
        url = self._channel.url + blob_path(self._repository, self._digest)
        return self._send("HEAD", url, ok=(200, 404)).status == 200

    def _settled(self) -> int | None:
        """Ask for the upload's status until the registry has read all that the cut left it."""
        last = self._status()
        for _ in range(_SETTLE_TRIES):
            if last is None:
                return None
            self._channel.pause(_SETTLE_S)
            before, last = last, self._status()
            if last == before:
                return last
        raise RegistryError(
            f"{redact(self.location)}: somebody else is sending to this upload", retryable=True
        )

    def _status(self) -> int | None:
        """Return the last byte that the registry says it has; None when it does not say."""
        try:
            answer = self._send("GET", self.location, ok=(200, 202, 204))
        except UpstreamError as error:
            if error.status in _NO_STATUS:
                return None
            raise
        if answer.headers.get("location"):
            self.go_to(answer)
        return last_byte(answer)

    def _count(self, last: int) -> int:
        """Return how many bytes a Range `0-<last>` means; `0-0` is how registries write none."""
        if last == 0:
            return 0
        if self._habits.range_is_length is None:
            self._habits.range_is_length = self._try_range()
        return last if self._habits.range_is_length else last + 1

    def _try_range(self) -> bool:
        """Find out what a Range's end means here, with two bytes in an upload of their own."""
        start = self._channel.url + uploads_path(self._repository)
        begun = self._send("POST", start, ok=(202,), content=b"")
        place = follow(start, begun.headers.get("location", ""))
        octets = {"Content-Type": "application/octet-stream", "Content-Range": "0-1"}
        answer = self._send("PATCH", place, ok=(202, *_TOO_SMALL), content=b"ab", headers=octets)
        place = follow(place, answer.headers.get("location") or place)
        with suppress(UpstreamError):
            self._send("DELETE", place, ok=(200, 202, 204))
        return answer.status == 202 and last_byte(answer) == 2

    def _send(
        self,
        method: str,
        url: str,
        *,
        ok: Collection[int],
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        fields = {**headers_for(url, self._channel.url, self.headers), **(headers or {})}
        return self._channel.send_once(method, url, ok=ok, headers=fields, content=content)
