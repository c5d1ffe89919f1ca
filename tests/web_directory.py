"""A web server over a directory, as nginx' `root` is: what an asset mirror is served by."""

from __future__ import annotations

from pathlib import Path

from werkzeug.wrappers import Request, Response

from lab.ranges import serve_bytes
from lab.server import Simulator
from lab.tls import ServerCertificate


class WebDirectory(Simulator):
    """Serves the files below `root` at `/talos`."""

    def __init__(self, root: Path, *, certificate: ServerCertificate | None = None) -> None:
        super().__init__(certificate=certificate)
        self.root = root

    @property
    def mirror_url(self) -> str:
        """The URL that the directory has."""
        return f"{self.url}/talos"

    def respond(self, request: Request) -> Response:
        """Serve one file."""
        path = self.root / request.path.removeprefix("/talos").lstrip("/")
        if not path.is_file():
            return Response("404 Not Found\n", status=404)
        size = path.stat().st_size
        return serve_bytes(request, lambda: path.open("rb"), size, headers={})
