"""Serving bytes with HTTP ranges (RFC 9110, section 14): whole, one range, or 416."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Request, Response

__all__ = ["serve_bytes"]

_CHUNK_BYTES = 1024 * 1024


def serve_bytes(
    request: Request,
    opener: Callable[[], BinaryIO],
    size: int,
    *,
    headers: Mapping[str, str],
    ranges: bool = True,
) -> Response:
    """Answer GET or HEAD for `size` bytes; `If-Range` must equal the ETag, if one is given."""
    fields = Headers(dict(headers))
    if ranges:
        fields["Accept-Ranges"] = "bytes"
    start, stop, status = 0, size, 200
    wanted = request.range if ranges and _may_range(request, headers.get("ETag")) else None
    if wanted is not None and len(wanted.ranges) == 1:
        span = wanted.range_for_length(size)
        if span is None:
            return Response(status=416, headers=[("Content-Range", f"bytes */{size}")])
        start, stop, status = span[0], min(span[1] or size, size), 206
        fields["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    fields["Content-Length"] = str(stop - start)
    body = None if request.method == "HEAD" else _read(opener, start, stop)
    return Response(body, status=status, headers=fields)


def _may_range(request: Request, etag: str | None) -> bool:
    condition = request.headers.get("If-Range")
    return condition is None or condition == etag


def _read(opener: Callable[[], BinaryIO], start: int, stop: int) -> Iterator[bytes]:
    with opener() as stream:
        stream.seek(start)
        left = stop - start
        while left > 0 and (chunk := stream.read(min(_CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk
