"""The registry frontend of an Image Factory: installer images, made when they are pulled.

Image Factory v1.0.3 to v1.5.0, `internal/frontend/http/registry.go`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from werkzeug.wrappers import Request, Response

from lab.builds import Builder
from lab.gate import BuildGate, Flights
from lab.refusals import RefusedError
from lab.registryclient import RegistryClient
from lab.schematics import SchematicStore, is_at_least
from lab.semver import Version

__all__ = ["InstallerFrontend"]

_INSTALLER = re.compile(r"(?:.+-)?installer(?:-secureboot)?\Z")
_CORE_IMAGES = ("installer-base", "installer", "imager", "extensions", "overlays", "talosctl-all")
_LATEST_SINCE = (1, 2, 0)
_CORE_PROXY_SINCE = (1, 5, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallerFrontend:
    """Everything below `/v2/` of one factory.

    Attributes:
        version: The factory's own.
        external: Clients are redirected to this registry URL; empty to proxy the internal one.
    """

    version: str
    builder: Builder
    schematics: SchematicStore
    flights: Flights
    gate: BuildGate
    builds: list[str]
    external: str = ""

    def respond(self, request: Request, parts: list[str]) -> Response | None:
        """Answer for the path below `/v2`; None for what is no route.

        Raises:
            RefusedError: There is no such schematic, image or version.
            RegistryClientError: Something the build needs is missing.
        """
        match parts:
            case [] | [""]:
                return Response()
            case ["siderolabs", name, *rest] if is_at_least(self.version, _CORE_PROXY_SINCE):
                return self._core(request, name, rest)
            case [image, identity, "manifests" | "blobs" as kind, reference]:
                return self._installer(request, image, identity, kind, reference)
        return None

    def _core(self, request: Request, name: str, rest: list[str]) -> Response:
        artifacts = self.builder.artifacts
        if not artifacts.core.url.startswith("http://"):
            reason = "proxying to an authorized/secure backing registry is not possible"
            raise RefusedError(503, reason)
        if name not in _CORE_IMAGES:
            raise RefusedError(404, f"unknown image: {name}")
        path = "/".join((artifacts.path(f"siderolabs/{name}"), *rest))
        return _proxy(request, artifacts.core, path)

    def _installer(
        self, request: Request, image: str, identity: str, kind: str, reference: str
    ) -> Response:
        self.schematics.find(identity)
        if not _INSTALLER.match(image):
            raise RefusedError(400, f"invalid image: {image}")
        if reference == "latest" and is_at_least(self.version, _LATEST_SINCE):
            stable = [each for each in self.builder.artifacts.versions() if not each.pre]
            reference = f"v{stable[-1]}"
        if kind == "manifests" and reference.startswith("v"):
            self._build(image, identity, reference)
        path = f"{image}/{identity}/{kind}/{reference}"
        installers = self.builder.installers
        if self.external:
            location = f"{self.external}/v2/{installers.repository(path)}"
            return Response(status=307, headers={"Location": location})
        return _proxy(request, installers, path)

    def _build(self, image: str, identity: str, version: str) -> None:
        schematic = self.schematics.find(identity)
        key = f"{image}/{identity}:{version}"
        Version.parse(version)

        def build() -> bytes:
            self.gate.enter(key)
            made = self.builder.installer(image, identity, schematic, version)
            self.builds.append(key)
            return made

        self.flights.get(key, build)


def _proxy(request: Request, registry: RegistryClient, path: str) -> Response:
    headers = {"Accept": request.headers.get("Accept", "*/*")}
    answer = registry.request(request.method, path, headers=headers)
    kept = ("Content-Type", "Docker-Content-Digest", "ETag")
    found = {name: answer.headers[name] for name in kept if name in answer.headers}
    response = Response(answer.content, status=answer.status_code, headers=found)
    if request.method == "HEAD":
        response.headers["Content-Length"] = answer.headers.get("Content-Length", "0")
    return response
