"""The lab's web server over a directory, at the path that an asset mirror is served by here."""

from __future__ import annotations

from pathlib import Path

from lab.tls import ServerCertificate
from lab.website import Website

__all__ = ["WebDirectory"]


class WebDirectory(Website):
    """Serves the files below `directory` at `/talos`."""

    def __init__(self, root: Path, *, certificate: ServerCertificate | None = None) -> None:
        super().__init__(root, certificate=certificate, mount="/talos")

    @property
    def mirror_url(self) -> str:
        """The URL that the directory has."""
        return f"{self.url}/talos"
