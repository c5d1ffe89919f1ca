"""The push side's upload sessions (distribution specification v1.1, "Pushing blobs")."""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from dataclasses import dataclass, field

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wrappers import Request, Response

from airgap.digest import is_digest
from lab.auth import error_response
from lab.content import Content
from lab.deviance import Deviance

__all__ = ["Uploads"]

_RANGE = re.compile(r"(\d+)-(\d+)\Z")
_CHUNK_BYTES = 256 * 1024


@dataclass(slots=True)
class _Session:
    """An upload: what came, and the offset that each Location handed out stands for."""

    repository: str
    data: bytearray = field(default_factory=bytearray)
    states: dict[str, int] = field(default_factory=dict)
    offset: int = 0


class Uploads:
    """The upload sessions of a registry.

    As distribution's do, a Location carries a `_state` query that stands for the upload's size when
    it was handed out: a client has to keep the query and append its own, to take the new Location
    from every answer, and after a cut body to ask for the newest one before it writes.

    `received_bytes` counts what came in bodies, whether it was kept or not.
    """

    def __init__(self, content: Content, deviance: Deviance) -> None:
        self._content = content
        self._deviance = deviance
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()
        self.received_bytes = 0

    @property
    def open_sessions(self) -> int:
        """How many uploads were begun and neither finished nor cancelled."""
        return len(self._sessions)

    def arrive(self, data: bytes) -> None:
        """Append to every open upload, as what a cut connection still had under way does."""
        for session in self._sessions.values():
            session.data += data

    def begin(self, request: Request, repository: str) -> Response:
        """POST: mount a blob, take a whole one, or open a session."""
        mount, source = request.args.get("mount"), request.args.get("from")
        can_mount = self._deviance.mounts and mount and source
        if can_mount and mount and self._content.has_blob(source or "", mount):
            self._content.link(repository, mount)
            return _created(repository, mount)
        identity = secrets.token_hex(16)
        session = _Session(repository)
        if digest := request.args.get("digest"):
            self._receive(request, session)
            return self._finish(session, digest)
        with self._lock:
            self._sessions[identity] = session
        answer = self._progress(request, identity, status=202)
        if self._deviance.chunk_min_bytes:
            answer.headers["OCI-Chunk-Min-Length"] = str(self._deviance.chunk_min_bytes)
        return answer

    def proceed(self, request: Request, repository: str, identity: str) -> Response:
        """PATCH, PUT, GET or DELETE on an open session."""
        session = self._sessions.get(identity)
        if session is None or session.repository != repository:
            return _unknown()
        if not self._deviance.keeps_cut_uploads and len(session.data) != session.offset:
            return error_response(404, "BLOB_UPLOAD_INVALID", "blob upload invalid")
        if request.method == "GET":
            return self._status(request, identity)
        refusal = self._refuse_state(request, session)
        if refusal is not None:
            return refusal
        if request.method == "DELETE":
            del self._sessions[identity]
            return Response(status=204)
        return self._write(request, identity, session)

    def _status(self, request: Request, identity: str) -> Response:
        if not self._deviance.upload_status:
            return _unknown()
        return self._progress(request, identity, status=204)

    def _write(self, request: Request, identity: str, session: _Session) -> Response:
        is_put = request.method == "PUT"
        if is_put and request.content_length and not self._deviance.takes_whole:
            return error_response(405, "UNSUPPORTED", "the operation is unsupported")
        refusal = self._refuse_chunk(request, session)
        if refusal is not None:
            return refusal
        self._receive(request, session)
        if not is_put:
            return self._progress(request, identity, status=202)
        answer = self._finish(session, request.args.get("digest", ""))
        if answer.status_code == 201:
            del self._sessions[identity]
        return answer

    def _refuse_state(self, request: Request, session: _Session) -> Response | None:
        if not self._deviance.has_state:
            return None
        offset = session.states.get(request.args.get("_state", ""))
        if offset is None:
            return error_response(400, "BLOB_UPLOAD_INVALID", "the location's state is missing")
        if offset != len(session.data):
            return error_response(416, "RANGE_INVALID", "invalid content range")
        return None

    def _refuse_chunk(self, request: Request, session: _Session) -> Response | None:
        stated = request.headers.get("Content-Range")
        if stated is not None and self._deviance.checks_ranges:
            span = _RANGE.match(stated)
            if span is None or int(span[1]) != len(session.data):
                ends = f"0-{self._end(session)}"
                return error_response(416, "BLOB_UPLOAD_INVALID", "chunk out of order", Range=ends)
        is_short = (request.content_length or 0) < self._deviance.chunk_min_bytes
        if request.method == "PATCH" and is_short:
            return error_response(416, "SIZE_INVALID", "the chunk is too small")
        return None

    def _receive(self, request: Request, session: _Session) -> None:
        left = request.content_length
        while chunk := request.stream.read(_CHUNK_BYTES):
            session.data += chunk  # kept also when the connection breaks in the middle
            left = None if left is None else left - len(chunk)
            with self._lock:
                self.received_bytes += len(chunk)
        if left:
            raise ClientDisconnected

    def _finish(self, session: _Session, digest: str) -> Response:
        found = "sha256:" + hashlib.sha256(session.data).hexdigest()
        if not is_digest(digest) or found != digest:
            return error_response(
                400, "DIGEST_INVALID", "provided digest did not match uploaded content"
            )
        self._content.add_blob(session.repository, bytes(session.data))
        return _created(session.repository, digest)

    def _progress(self, request: Request, identity: str, *, status: int) -> Response:
        session = self._sessions[identity]
        session.offset = len(session.data)
        state = secrets.token_hex(8)
        session.states[state] = session.offset
        location = f"/v2/{session.repository}/blobs/uploads/{identity}"
        if self._deviance.location == "absolute":
            location = request.host_url.rstrip("/") + location
        if self._deviance.has_state:
            location += f"?_state={state}"
        headers = {
            "Location": location,
            "Range": f"0-{self._end(session)}",
            "Docker-Upload-UUID": identity,
        }
        return Response(status=status, headers=headers)

    def _end(self, session: _Session) -> int:
        """Return how an upload's Range ends; `0-0` is how distribution writes none."""
        size = len(session.data)
        return size if self._deviance.range_is_length else max(0, size - 1)


def _unknown() -> Response:
    return error_response(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")


def _created(repository: str, digest: str) -> Response:
    headers = {
        "Location": f"/v2/{repository}/blobs/{digest}",
        "Docker-Content-Digest": digest,
    }
    return Response(status=201, headers=headers)
