"""Responses: bytes and files with the headers that caches and resuming clients need, and errors.

Errors of the registry have the JSON form and the codes of distribution specification v1.1, "Error
Codes".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from werkzeug.wrappers import Request, Response

from airgap.digest import Digest
from airgap.serve.files import FileBody, open_blob
from airgap.serve.ranges import UNSATISFIABLE, Selection, select
from airgap.serve.sending import SENDER

__all__ = ["ErrorCode", "Representation", "json_response", "refuse", "send_bytes", "send_file"]

ErrorCode = Literal[
    "BLOB_UNKNOWN",
    "DIGEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "UNSUPPORTED",
]

_IMMUTABLE = "public, max-age=31536000, immutable"
_REVALIDATE = "no-cache"  # keep it, but ask each time: the entity tag makes that cheap


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """What is sent: `is_immutable` where its URL can never mean other bytes."""

    digest: Digest
    size: int
    media_type: str
    is_immutable: bool
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        """The strong entity tag."""
        return f'"{self.digest}"'


def send_file(request: Request, path: Path, what: Representation) -> Response:
    """Send a file, or the part of it that was asked for.

    Raises:
        IntegrityError: The file is missing or has another size.
    """
    selection = select(request.method, dict(request.headers), etag=what.etag, size=what.size)
    descriptor = open_blob(path, what.size)
    body = FileBody(descriptor, selection.part, request.environ.get(SENDER))
    if request.method == "HEAD" or selection.status not in (200, 206):
        body.close()
        return _respond(selection, what, b"")
    return _respond(selection, what, body)


def send_bytes(request: Request, data: bytes, what: Representation) -> Response:
    """Send bytes held in memory, whole, unless the client has them."""
    headers = {name: value for name, value in request.headers.items() if name != "Range"}
    selection = select(request.method, headers, etag=what.etag, size=what.size)
    body = data if request.method == "GET" and selection.status == 200 else b""
    return _respond(selection, what, body, takes_ranges=False)


def _respond(
    selection: Selection,
    what: Representation,
    body: bytes | FileBody,
    *,
    takes_ranges: bool = True,
) -> Response:
    headers = {
        "ETag": what.etag,
        "Cache-Control": _IMMUTABLE if what.is_immutable else _REVALIDATE,
        "Accept-Ranges": "bytes" if takes_ranges else "none",
        **what.headers,
    }
    part = selection.part
    if selection.status in (200, 206):
        headers |= {"Content-Type": what.media_type, "Content-Length": str(part.length)}
    if selection.status == 206:
        last = part.start + part.length - 1
        headers["Content-Range"] = f"bytes {part.start}-{last}/{what.size}"
    if selection.status == UNSATISFIABLE:
        headers["Content-Range"] = f"bytes */{what.size}"
    response = Response(body, status=selection.status, direct_passthrough=True)
    # Response sets a type and a length of its own; for HEAD the length would be that of no body.
    response.headers.clear()
    response.headers.update(headers)
    response.automatically_set_content_length = False
    if selection.status in (412, UNSATISFIABLE):
        response.headers["Content-Length"] = "0"
    return response


def json_response(
    document: object,
    *,
    status: int = 200,
    media_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Send a JSON document that is made for this request."""
    response = Response(json.dumps(document), status=status, content_type=media_type)
    response.headers["Cache-Control"] = _REVALIDATE
    response.headers.update(headers or {})
    return response


def refuse(
    status: int, code: ErrorCode, message: str, *, headers: Mapping[str, str] | None = None
) -> Response:
    """Send an error in the form of the distribution specification."""
    errors = {"errors": [{"code": code, "message": message}]}
    return json_response(errors, status=status, headers=headers)
