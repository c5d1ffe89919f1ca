"""The object store that an Image Factory with an S3 cache sends its clients to."""

from __future__ import annotations

import hashlib
import io

from werkzeug.wrappers import Request, Response

from lab.ranges import serve_bytes
from lab.server import Simulator

__all__ = ["ObjectStore"]


class ObjectStore(Simulator):
    """Objects by key on loopback; only whoever has a presigned URL gets them."""

    def __init__(self) -> None:
        super().__init__()
        self._objects: dict[str, bytes] = {}

    def presign(self, data: bytes, filename: str) -> str:
        """Keep an object; return the URL that gets it."""
        key = hashlib.sha256(data).hexdigest()
        self._objects[key] = data
        return f"{self.url}/image-factory/{key}?X-Amz-Signature={key[:16]}&filename={filename}"

    def respond(self, request: Request) -> Response:
        """Answer with an object; 403 without the signature, as S3 does."""
        key = request.path.rpartition("/")[2]
        if request.args.get("X-Amz-Signature") != key[:16] or key not in self._objects:
            return Response("<Error><Code>AccessDenied</Code></Error>\n", status=403)
        data = self._objects[key]
        headers = {
            "ETag": f'"{key}"',
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f'attachment; filename="{request.args["filename"]}"',
        }
        return serve_bytes(request, lambda: io.BytesIO(data), len(data), headers=headers)
