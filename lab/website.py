"""A plain web server over a directory, as nginx with defaults: ranges, ETag from time and size."""

from __future__ import annotations

from pathlib import Path

from werkzeug.security import safe_join
from werkzeug.wrappers import Request, Response

from lab.ranges import serve_bytes
from lab.server import Simulator
from lab.tls import ServerCertificate

__all__ = ["Website"]


class Website(Simulator):
    """Serves the files below a directory.

    Args:
        directory: The document root.
        port: 0 for any free port.
        certificate: Speak TLS with it.
        mount: The path that the document root is at, for example `/talos`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        certificate: ServerCertificate | None = None,
        mount: str = "",
    ) -> None:
        super().__init__(port=port, certificate=certificate)
        self.directory = directory
        self._mount = mount

    def respond(self, request: Request) -> Response:
        """Answer GET and HEAD with a file, or 404."""
        if request.method not in {"GET", "HEAD"}:
            return Response("method not allowed\n", status=405)
        joined = safe_join(str(self.directory), request.path.removeprefix(self._mount).lstrip("/"))
        path = Path(joined) if joined else None
        if path is None or not path.is_file():
            return Response("not found\n", status=404)
        state = path.stat()
        etag = f'"{state.st_mtime_ns:x}-{state.st_size:x}"'
        return serve_bytes(request, lambda: path.open("rb"), state.st_size, headers={"ETag": etag})
