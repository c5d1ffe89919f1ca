"""One blob on its way into a repository: mounted, sent whole, or continued where a try was cut.

Distribution specification v1.1, "Pushing blobs". The form is chosen from what real registries do
when a request's body is cut in the middle (tried over TLS, bodies of 32 MiB, cut anywhere, with
and without a restart of the registry by SIGTERM and SIGKILL; `tests/peers/test_uploads.py`):

- distribution v3.1: after a cut PATCH as after a cut PUT, GET on the upload answers 204 with the
  bytes that came, and they outlive the restart. For a moment after the cut the figure still grows:
  what is in the socket is read on. Writing needs the state of the newest Location, asking none.
- docker-registry 2.8: a Location carries the offset it was given out at, and at any other size of
  the upload whatever is asked there, DELETE too, is answered 404. So an upload cut between two
  requests goes on, also after a restart; a cut body makes it worthless, be it a single PATCH or
  the last of a hundred. A PATCH with a wrong Content-Range is answered 202, and appended.

So both keep the same, whatever the form; and for a layer of 24 MiB one PUT with the whole body
took 13 % (v3.1) and 17 % (2.8) less time than PATCH and a closing PUT. It is sent first. After a
cut the status tells where to go on, once two answers in a row agree; what is missing goes with the
closing PUT, as the specification's final chunk. A registry that refuses a PUT with a body gets
PATCH and an empty PUT from then on. Small blobs are sent anew: asking costs as much.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NoReturn

from airgap.errors import IntegrityError, RegistryError, UpstreamError, redact
from airgap.net import Answer
from airgap.net.redirect import headers_for
from airgap.oci.answers import error_codes, last_byte
from airgap.oci.channel import Channel
from airgap.oci.manifest import Descriptor
from airgap.oci.session import Habits, Session
from airgap.oci.sources import BlobSource, UploadSessions

__all__ = ["RESUMED_BYTES", "Upload", "UploadOutcome"]

UploadOutcome = Literal["mounted", "uploaded"]

RESUMED_BYTES = 4 * 1024 * 1024
"""Uploads of more than this are continued, smaller ones begun anew.

What a push may lose of each stream is so no more than a chunk of a fetch (`store.reception`)."""

_TAKEN = (201, 204)
_REFUSED_WHOLE = (400, 404, 405, 411, 415, 416, 501)
_LOST = (400, 404, 410, 416)
_TOO_LARGE = 413


class Upload:
    """One blob's upload. `attempt` may be called again after a retryable failure.

    Args:
        channel: The way to the registry.
        habits: What is known of it.
        repository: Where the blob goes.
        descriptor: The blob.
        source: Its bytes.
        mount_from: A repository of this registry that is thought to have it.
        sessions: Remembers an upload under way for the next run.
    """

    def __init__(
        self,
        channel: Channel,
        habits: Habits,
        repository: str,
        descriptor: Descriptor,
        source: BlobSource,
        *,
        mount_from: str,
        sessions: UploadSessions | None,
    ) -> None:
        self._channel = channel
        self._habits = habits
        self._digest = descriptor.digest
        self._size = descriptor.size
        self._source = source
        self._mount_from = mount_from
        record = sessions if descriptor.size > RESUMED_BYTES else None
        self._session = Session(channel, habits, repository, descriptor.digest, record)
        self._began_at = 0
        self._refused_ranges = 0

    def attempt(self, headers: Mapping[str, str]) -> UploadOutcome:
        """Bring the blob into the repository, going on where an earlier attempt was cut.

        Args:
            headers: The authorization.

        Raises:
            UpstreamError: Refused, or cut.
            IntegrityError: The bytes are not the blob's; the upload is cancelled.
        """
        self._session.headers = headers
        try:
            outcome = self._bring()
        except IntegrityError:
            self._session.abandon()
            raise
        self._session.forget()
        return outcome

    def _bring(self) -> UploadOutcome:
        session = self._session
        self._began_at = 0
        if self._size <= RESUMED_BYTES:
            session.location = ""
        elif session.location:
            resumed = self._resume()
            if resumed is None and session.has_arrived():
                return "uploaded"
            self._began_at = resumed or 0
        if not session.location and session.begin(self._mount_from):
            return "mounted"
        offset = self._began_at
        if not self._habits.takes_whole and offset < self._size:
            self._patch(offset)
            offset = self._size
        self._put(offset)
        return "uploaded"

    def _resume(self) -> int | None:
        """Return how many bytes of the upload under way are there; None: it cannot go on."""
        offset = self._session.reached()
        if offset is None:
            self._session.forget()
        elif offset > self._size or (offset and not self._source.can_seek):
            self._session.abandon()
            return None
        return offset

    def _put(self, offset: int) -> None:
        """Send the bytes from `offset` on, and close the upload."""
        answer = self._send_bytes("PUT", self._session.closing, offset)
        if answer.status not in _TAKEN:
            self._fail(answer, offset)
        stated = answer.headers.get("docker-content-digest", str(self._digest))
        if stated != str(self._digest):
            raise IntegrityError(
                f"{redact(answer.url)}: the registry took {self._digest} as {stated}"
            )

    def _patch(self, offset: int) -> None:
        """Send the bytes from `offset` on in one chunk, and leave the upload open."""
        answer = self._send_bytes("PATCH", self._session.location, offset)
        if answer.status not in (201, 202, 204):
            self._fail(answer, offset)
        self._session.go_to(answer)
        last = last_byte(answer)
        if last is not None and last not in (self._size - 1, self._size):
            # Some answer 202 whatever the Content-Range was, and append.
            self._session.abandon()
            raise RegistryError(
                f"{redact(answer.url)}: has 0-{last} after all {self._size} bytes were sent",
                retryable=True,
            )

    def _send_bytes(self, method: str, url: str, offset: int) -> Answer:
        headers = headers_for(url, self._channel.url, self._session.headers)
        if offset == self._size:
            return self._channel.send_body(method, url, None, headers=headers)
        if offset or method == "PATCH":
            headers["Content-Range"] = f"{offset}-{self._size - 1}"
        with self._source.body(offset) as body:
            if body.size != self._size - offset:
                raise IntegrityError(
                    f"{self._digest}: the source has {body.size} bytes from byte {offset} on, "
                    f"expected {self._size - offset}"
                )
            return self._channel.send_body(method, url, body, headers=headers)

    def _fail(self, answer: Answer, offset: int) -> NoReturn:
        """Raise what a refusal means: retryable where another form or another session may do."""
        refusal = answer.refusal()
        if "DIGEST_INVALID" in error_codes(answer):
            if self._began_at == 0:
                raise IntegrityError(
                    f"{redact(answer.url)}: the registry got other bytes than {self._digest}",
                    hint="the source is damaged, or something on the way changes what is sent",
                ) from refusal
            self._session.forget()  # the registry dropped it: what an earlier try sent was wrong
        elif offset > 0:
            self._fail_going_on(refusal)
        elif answer.status in _REFUSED_WHOLE and self._habits.takes_whole:
            self._habits.takes_whole = False
            self._session.abandon()
        elif answer.status in _LOST:
            self._session.forget()
        else:
            if answer.status == _TOO_LARGE:
                refusal.hint = "a proxy before the registry bounds a request's size; raise that"
            raise refusal
        refusal.retryable = True
        raise refusal

    def _fail_going_on(self, refusal: UpstreamError) -> None:
        """Decide what follows when the rest of an upload was refused.

        Raises:
            UpstreamError: For another reason than the upload's state.
        """
        if refusal.status not in _LOST:
            raise refusal
        self._refused_ranges += 1
        # 416: there is more by now than the status told. Once; then it is not to be trusted.
        if refusal.status != 416 or self._refused_ranges > 1:
            self._session.abandon()
