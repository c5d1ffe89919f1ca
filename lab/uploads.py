"""The push side's upload sessions (distribution specification v1.1, "Pushing blobs")."""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from dataclasses import dataclass, field

from werkzeug.wrappers import Request, Response

from airgap.digest import is_digest
from lab.auth import error_response
from lab.content import Content

__all__ = ["Uploads"]

_RANGE = re.compile(r"(\d+)-(\d+)\Z")


@dataclass(slots=True)
class _Session:
    repository: str
    state: str
    data: bytearray = field(default_factory=bytearray)


class Uploads:
    """The upload sessions of a registry.

    A session's Location is absolute and carries a `_state` query, as distribution's does: a client
    has to keep the query and append its own, and to take the new Location from every answer.
    """

    def __init__(self, content: Content) -> None:
        self._content = content
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()

    @property
    def open_sessions(self) -> int:
        """How many uploads were begun and neither finished nor cancelled."""
        return len(self._sessions)

    def begin(self, request: Request, repository: str) -> Response:
        """POST: mount a blob, take a whole one, or open a session."""
        mount, source = request.args.get("mount"), request.args.get("from")
        if mount and source and self._content.has_blob(source, mount):
            self._content.link(repository, mount)
            return _created(repository, mount)
        if digest := request.args.get("digest"):
            return self._finish(repository, request.get_data(), digest)
        identity = secrets.token_hex(16)
        with self._lock:
            self._sessions[identity] = _Session(repository, secrets.token_hex(8))
        return self._progress(request, identity, status=202)

    def proceed(self, request: Request, repository: str, identity: str) -> Response:
        """PATCH, PUT, GET or DELETE on an open session."""
        session = self._sessions.get(identity)
        if session is None or session.repository != repository:
            return error_response(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        if request.method == "GET":
            return self._progress(request, identity, status=204)
        if request.method == "DELETE":
            del self._sessions[identity]
            return Response(status=204)
        if request.args.get("_state") != session.state:
            return error_response(400, "BLOB_UPLOAD_INVALID", "the location's state is missing")
        refusal = self._append(request, session)
        if refusal is not None:
            return refusal
        if request.method == "PATCH":
            session.state = secrets.token_hex(8)
            return self._progress(request, identity, status=202)
        answer = self._finish(repository, bytes(session.data), request.args.get("digest", ""))
        if answer.status_code == 201:
            del self._sessions[identity]
        return answer

    def _append(self, request: Request, session: _Session) -> Response | None:
        stated = request.headers.get("Content-Range")
        if stated is not None:
            span = _RANGE.match(stated)
            if span is None or int(span[1]) != len(session.data):
                end = max(0, len(session.data) - 1)
                return error_response(
                    416, "BLOB_UPLOAD_INVALID", "chunk out of order", Range=f"0-{end}"
                )
        while chunk := request.stream.read(1024 * 1024):
            session.data += chunk  # kept also when the connection breaks in the middle
        return None

    def _finish(self, repository: str, data: bytes, digest: str) -> Response:
        found = "sha256:" + hashlib.sha256(data).hexdigest()
        if not is_digest(digest) or found != digest:
            return error_response(
                400, "DIGEST_INVALID", "provided digest did not match uploaded content"
            )
        self._content.add_blob(repository, data)
        return _created(repository, digest)

    def _progress(self, request: Request, identity: str, *, status: int) -> Response:
        session = self._sessions[identity]
        location = (
            f"{request.host_url.rstrip('/')}/v2/{session.repository}/blobs/uploads/{identity}"
            f"?_state={session.state}"
        )
        headers = {
            "Location": location,
            "Range": f"0-{max(0, len(session.data) - 1)}",
            "Docker-Upload-UUID": identity,
        }
        return Response(status=status, headers=headers)


def _created(repository: str, digest: str) -> Response:
    headers = {
        "Location": f"/v2/{repository}/blobs/{digest}",
        "Docker-Content-Digest": digest,
    }
    return Response(status=201, headers=headers)
