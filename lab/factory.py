"""A practice Image Factory: the community edition's HTTP API as v0.9 to v1.5 have it.

Source: siderolabs/image-factory v1.5.0, `internal/frontend/http` and `docs/api.md`. Errors are
plain text; whatever goes wrong behind the API is a bare 500 `internal server error`, told apart by
X-Request-ID only. The ID is computed as the project predicts it; the published golden vectors hold
that computation, so the two cannot err together.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from dataclasses import dataclass

import httpx
from werkzeug.wrappers import Request, Response

from airgap.schematic import canonical_yaml
from lab.artifacts import Artifacts, UnavailableError
from lab.builds import Builder, BuildSizes, InvalidProfileError
from lab.registryclient import RegistryClient, RegistryClientError
from lab.schematics import RefusedError, SchematicStore, is_at_least
from lab.server import Simulator
from lab.tls import ServerCertificate

__all__ = ["Factory", "FactoryRegistries"]

_VERSION = re.compile(r"v?\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?\Z")
_INSTALLER = re.compile(r"(?:[a-z0-9]+-)?installer(?:-secureboot)?\Z")
_ENTERPRISE_SUFFIXES = (".sha256", ".sha512", ".sigstore.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class FactoryRegistries:
    """The registries of a factory's configuration: `artifacts.{core,schematic,installer}`."""

    core: RegistryClient
    schematic: RegistryClient
    installer: RegistryClient


class Factory(Simulator):
    """An Image Factory on loopback.

    Args:
        registries: What it pulls from and pushes to.
        version: Its own version; bounds schematic fields and routes.
        external_url: Baked into scripts and, as in the real one, into the bytes of assets.
        sizes: How large generated assets are.
        external_installers: Redirect installer pulls to this registry URL instead of proxying.
        port: 0 for any free port.
        certificate: Speak TLS with it.
    """

    def __init__(
        self,
        registries: FactoryRegistries,
        *,
        version: str = "v1.5.0",
        external_url: str = "https://factory.lab.example",
        sizes: BuildSizes | None = None,
        external_installers: str = "",
        port: int = 0,
        certificate: ServerCertificate | None = None,
    ) -> None:
        super().__init__(port=port, certificate=certificate)
        self.version = version
        self.builds: list[str] = []
        self._registries = registries
        self._external_url = external_url.rstrip("/")
        self._external_installers = external_installers.rstrip("/")
        self._artifacts = Artifacts(registries.core)
        self._schematics = SchematicStore(registries.schematic, version)
        self._builder = Builder(
            artifacts=self._artifacts,
            installers=registries.installer,
            external_url=self._external_url,
            sizes=sizes or BuildSizes(),
        )
        self._assets: dict[str, bytes] = {}
        self._lock = threading.RLock()

    def stop(self) -> None:
        """Stop, and close the connections to the registries."""
        super().stop()
        for client in {
            self._registries.core,
            self._registries.schematic,
            self._registries.installer,
        }:
            client.close()

    def respond(self, request: Request) -> Response:
        """Answer a request; every answer carries Server and X-Request-ID."""
        try:
            response = self._route(request)
        except RefusedError as error:
            response = _text(error.status, str(error))
        except (UnavailableError, InvalidProfileError) as error:
            response = _text(400, str(error))
        except (RegistryClientError, httpx.HTTPError, KeyError):
            response = _text(500, "internal server error")
        response.headers["Server"] = "Image Factory"
        response.headers["X-Request-ID"] = request.headers.get("X-Request-ID", str(uuid.uuid4()))
        return response

    def _route(self, request: Request) -> Response:
        parts = request.path.strip("/").split("/")
        is_read = request.method in ("GET", "HEAD")
        match parts:
            case ["schematics"] if request.method == "POST":
                return self._register(request)
            case ["healthz"] if is_read:
                return Response()
            case ["readyz"] if is_read and self._is_at_least(1, 3):
                return Response()
            case ["schematics", identity] if request.method == "GET" and self._is_at_least(0, 9):
                text = canonical_yaml(self._schematics.find(identity), factory=self.version)
                return Response(text, content_type="application/yaml")
            case ["versions"] if request.method == "GET":
                return _json(self._artifacts.versions())
            case ["version", version, kind, "official"] if request.method == "GET":
                return self._catalogue(version, kind)
            case ["image", identity, version, path] if is_read:
                return self._asset(request, identity, version, path)
            case ["pxe", identity, version, path] if request.method == "GET":
                return self._pxe(identity, version, path)
            case ["v2", *rest] if is_read:
                return self._registry(request, rest)
        return _text(404, "404 page not found")

    def _is_at_least(self, major: int, minor: int) -> bool:
        return is_at_least(self.version, (major, minor, 0))

    # Schematics

    def _register(self, request: Request) -> Response:
        identity, canonical = self._schematics.register(request.get_data(as_text=True))
        answer = {"id": identity}
        if self._is_at_least(1, 3):
            answer["schematic"] = canonical
        return _json(answer, status=201)

    # Versions and catalogues

    def _require_version(self, text: str) -> str:
        """Return the version with its `v`; a malformed one is a 500, an unknown one a 404."""
        if not _VERSION.match(text):
            raise RefusedError(500, "internal server error")
        version = "v" + text.removeprefix("v")
        if version not in self._artifacts.versions():
            raise RefusedError(404, f"version {text} is not available")
        return version

    def _catalogue(self, version_text: str, kind: str) -> Response:
        version = self._require_version(version_text)
        host = self._registries.core.host
        if kind == "extensions":
            return _json(
                [
                    {
                        "name": extension.name,
                        "ref": f"{host}/{extension.name}:{extension.tag}",
                        "digest": extension.digest,
                        "author": extension.author,
                        "description": extension.description,
                    }
                    for extension in self._artifacts.extensions(version)
                ]
            )
        if kind == "overlays":
            return _json(
                [
                    {
                        "name": overlay.name,
                        "image": overlay.image,
                        "ref": f"{host}/{overlay.image}:{overlay.tag}",
                        "digest": overlay.digest,
                    }
                    for overlay in self._artifacts.overlays(version)
                ]
            )
        raise RefusedError(404, "404 page not found")

    # Boot assets

    def _asset(self, request: Request, identity: str, version_text: str, path: str) -> Response:
        if path.endswith(_ENTERPRISE_SUFFIXES):
            raise RefusedError(402, "enterprise feature not enabled")
        schematic = self._schematics.find(identity)
        version = self._require_version(version_text)
        key = f"{identity}/{version}/{path}"
        with self._lock:
            if key not in self._assets:
                self._assets[key] = self._builder.asset(identity, schematic, version, path)
                self.builds.append(key)
        filename = request.args.get("filename", path)
        headers = {
            "Content-Disposition": f'attachment; filename="{filename}"',
            "Content-Type": "application/octet-stream",
        }
        return Response(self._assets[key], headers=headers)

    def _pxe(self, identity: str, version_text: str, path: str) -> Response:
        schematic = self._schematics.find(identity)
        version = self._require_version(version_text)
        _, _, arch = path.removesuffix("-secureboot").rpartition("-")
        arch = {"x86_64": "amd64", "i386": "amd64"}.get(arch, arch)
        base = f"{self._external_url}/image/{identity}/{version}"
        cmdline = self._builder.asset(identity, schematic, version, f"cmdline-metal-{arch}")
        script = (
            f"#!ipxe\n\nimgfree\nkernel {base}/kernel-{arch} {cmdline.decode()}\n"
            f"initrd {base}/initramfs-{arch}.xz\nboot\n"
        )
        return Response(script)

    # Registry frontend

    def _registry(self, request: Request, parts: list[str]) -> Response:
        match parts:
            case [] | [""]:
                return Response()
            case ["siderolabs", name, *rest] if self._is_at_least(1, 5):
                if not self._registries.core.url.startswith("http://"):
                    raise RefusedError(503, "proxying to a secure backing registry is not possible")
                return _proxy(request, self._registries.core, "/".join(("siderolabs", name, *rest)))
            case [image, identity, "manifests" | "blobs" | "referrers" as kind, reference]:
                return self._installer(request, image, identity, f"{kind}/{reference}")
        return _text(404, "404 page not found")

    def _installer(self, request: Request, image: str, identity: str, rest: str) -> Response:
        if not _INSTALLER.match(image):
            raise RefusedError(400, "invalid image")
        kind, _, reference = rest.partition("/")
        if kind == "manifests" and (reference.startswith("v") or reference == "latest"):
            version = self._artifacts.versions()[-1] if reference == "latest" else reference
            self._build_installer(image, identity, self._require_version(version))
            rest = f"manifests/{version}"
        path = f"{image}/{identity}/{rest}"
        installers = self._registries.installer
        if self._external_installers:
            location = f"{self._external_installers}/v2/{installers.repository(path)}"
            return Response(status=307, headers={"Location": location})
        return _proxy(request, installers, path)

    def _build_installer(self, image: str, identity: str, version: str) -> None:
        schematic = self._schematics.find(identity)
        key = f"{image}/{identity}:{version}"
        with self._lock:
            if key not in self.builds:
                self._builder.installer(image, identity, schematic, version)
                self.builds.append(key)


def _proxy(request: Request, registry: RegistryClient, path: str) -> Response:
    headers = {"Accept": request.headers.get("Accept", "*/*")}
    answer = registry.request(request.method, path, headers=headers)
    kept = ("Content-Type", "Docker-Content-Digest", "ETag")
    found = {name: answer.headers[name] for name in kept if name in answer.headers}
    response = Response(answer.content, status=answer.status_code, headers=found)
    if request.method == "HEAD":
        response.headers["Content-Length"] = answer.headers.get("Content-Length", "0")
    return response


def _text(status: int, text: str) -> Response:
    return Response(f"{text}\n", status=status, mimetype="text/plain")


def _json(document: object, *, status: int = 200) -> Response:
    body = json.dumps(document, ensure_ascii=False)
    return Response(body, status=status, content_type="application/json")
