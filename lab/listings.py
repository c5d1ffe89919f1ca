"""What an Image Factory lists of its core registry: versions, catalogues, talosctl builds.

Image Factory v1.0.3 to v1.5.0, `internal/frontend/http/meta.go` and `talosctl.go`.
"""

from __future__ import annotations

from dataclasses import dataclass

from werkzeug.wrappers import Response

from lab.answers import as_json
from lab.artifacts import Artifacts
from lab.semver import Version

__all__ = ["Listings", "as_tag"]


def as_tag(text: str) -> str:
    """Return a version with its `v`; ValueError, which is a 500, for no semantic version."""
    return f"v{Version.parse(text)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listings:
    """The lists of one factory.

    Attributes:
        external_url: What URLs in answers begin with.
        names_core: Whether references to extensions name the core registry, as since v1.4.0, or
            the host that stands in the catalogue.
    """

    artifacts: Artifacts
    external_url: str
    names_core: bool

    def versions(self) -> Response:
        """Answer with the Talos versions on offer."""
        return as_json([f"v{version}" for version in self.artifacts.versions()])

    def extensions(self, version: str) -> Response:
        """Answer with the official extensions of a version."""
        host = self.artifacts.core.host if self.names_core else ""
        return as_json(
            [
                {
                    "name": extension.name,
                    "ref": f"{host or extension.host}/{extension.name}:{extension.tag}",
                    "digest": extension.digest,
                    "author": extension.author,
                    "description": extension.description,
                }
                for extension in self.artifacts.extensions(as_tag(version))
            ]
        )

    def overlays(self, version: str) -> Response:
        """Answer with the official overlays of a version."""
        return as_json(
            [
                {
                    "name": overlay.name,
                    "image": overlay.image,
                    "ref": f"{overlay.host}/{overlay.image}:{overlay.tag}",
                    "digest": overlay.digest,
                }
                for overlay in self.artifacts.overlays(as_tag(version))
            ]
        )

    def talosctl(self, version: str) -> Response:
        """Answer with the URLs of a version's talosctl builds."""
        tag = as_tag(version)
        base = f"{self.external_url}/talosctl/{tag}"
        urls = [f"{base}/{name}" for name in self.artifacts.talosctl(tag)]
        return as_json(urls, content_type="application/json")

    def talosctl_build(self, version: str, name: str) -> Response:
        """Answer with one build; KeyError, which is a 500, when there is none of that name."""
        data = self.artifacts.talosctl(as_tag(version))[name]
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(data, headers=headers, content_type="application/octet-stream")
