"""The forms that an Image Factory answers in: a line of plain text, or JSON."""

from __future__ import annotations

import json
import mimetypes

from werkzeug.wrappers import Response

__all__ = ["TEXT", "as_json", "media_type", "refuse"]

TEXT = "text/plain; charset=utf-8"
_MEDIA_TYPES = {
    ".efi": "application/efi",
    ".iso": "application/x-iso9660-image",
    ".xz": "application/x-xz",
    ".gz": "application/gzip",
    ".qcow2": "application/x-qemu-disk",
}


def refuse(status: int, text: str) -> Response:
    """Answer with a line of text."""
    return Response(f"{text}\n", status=status, content_type=TEXT)


def as_json(document: object, *, status: int = 200, content_type: str = TEXT) -> Response:
    """Answer with JSON; most routes leave its type to be guessed, and text is what is guessed."""
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return Response(f"{body}\n", status=status, content_type=content_type)


def media_type(path: str, *, guesses: bool) -> str:
    """Return the media type of an asset by its name; a factory before v1.1.0 only guesses."""
    suffix = "." + path.rpartition(".")[2]
    known = None if guesses else _MEDIA_TYPES.get(suffix)
    return known or mimetypes.types_map.get(suffix) or "application/octet-stream"
