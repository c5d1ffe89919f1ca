"""A practice Image Factory: the community edition's HTTP API as v0.9 to v1.5 have it.

Source: siderolabs/image-factory v1.0.3 and v1.5.0, `internal/frontend/http`; `tests/peers` asks the
real v1.0.3 the same questions. Errors are plain text; whatever goes wrong behind the API is a bare
500 `internal server error`, told apart by X-Request-ID only, and before v1.5.0 by nothing. The ID
is computed as the project predicts it; the published golden vectors hold that computation, so the
two cannot err together.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import httpx
from werkzeug.wrappers import Request, Response

from airgap.schematic import canonical_yaml
from lab.answers import TEXT, as_json, media_type, refuse
from lab.artifacts import Artifacts
from lab.builds import Builder, BuildSizes
from lab.gate import BuildGate, Flights
from lab.installers import InstallerFrontend
from lab.listings import Listings, as_tag
from lab.objectstore import ObjectStore
from lab.profiles import parse_profile
from lab.refusals import RefusedError
from lab.registryclient import RegistryClient, RegistryClientError
from lab.schematics import SchematicStore, is_at_least
from lab.server import Simulator
from lab.signing import PUBLIC_KEY
from lab.tls import ServerCertificate

__all__ = ["Factory", "FactoryRegistries"]

_PEM = "application/x-pem-file"
_CHECKSUMS = (".sha256", ".sha512")
_CHECKSUMS_REFUSED = "enterprise not enabled: checksum endpoint is not available"
_SIGNATURES_REFUSED = "enterprise signing is not enabled: signature endpoint is not available"


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
        version: Its own version; bounds schematic fields, routes and headers.
        external_url: Baked into scripts and, as in the real one, into the bytes of assets.
        sizes: How large generated assets are.
        external_installers: Redirect installer pulls to this registry URL instead of proxying.
        core_namespace: `artifacts.core.namespace`; ignored before v1.4.0, as there.
        public_key: PEM that what is pulled must be signed with (`publicKeyFile`).
        secureboot_certificate: PEM; without it SecureBoot is disabled.
        object_store: Send whoever wants an asset there (`cache.s3`).
        port: 0 for any free port.
        certificate: Speak TLS with it.

    Attributes:
        builds: What was built, in order: `<schematic ID>/<version>/<path>`.
        gate: Holds builds for a test.
        failures: What was behind each 500, which a client is never told.
    """

    def __init__(
        self,
        registries: FactoryRegistries,
        *,
        version: str = "v1.5.0",
        external_url: str = "https://factory.lab.example",
        sizes: BuildSizes | None = None,
        external_installers: str = "",
        core_namespace: str = "",
        public_key: str = "",
        secureboot_certificate: str = "",
        object_store: ObjectStore | None = None,
        port: int = 0,
        certificate: ServerCertificate | None = None,
    ) -> None:
        super().__init__(port=port, certificate=certificate)
        self.version = version
        self.builds: list[str] = []
        self.gate = BuildGate()
        self.failures: list[str] = []
        self._registries = registries
        self._external_url = external_url.rstrip("/")
        self._secureboot_certificate = secureboot_certificate
        self._object_store = object_store
        self._flights = Flights()
        self._schematics = SchematicStore(registries.schematic, version)
        namespace = core_namespace if self._is_at_least(1, 4) else ""
        artifacts = Artifacts(core=registries.core, namespace=namespace, public_key=public_key)
        self._listings = Listings(
            artifacts=artifacts,
            external_url=self._external_url,
            names_core=self._is_at_least(1, 4),
        )
        self._builder = Builder(
            artifacts=artifacts,
            installers=registries.installer,
            external_url=self._external_url,
            secureboot=bool(secureboot_certificate),
            sizes=sizes or BuildSizes(),
        )
        self._installers = InstallerFrontend(
            version=version,
            builder=self._builder,
            schematics=self._schematics,
            flights=self._flights,
            gate=self.gate,
            builds=self.builds,
            external=external_installers.rstrip("/"),
        )

    def stop(self) -> None:
        """Stop, and close the connections to the registries; builds that are held go on."""
        self.gate.open()
        super().stop()
        for client in {
            self._registries.core,
            self._registries.schematic,
            self._registries.installer,
        }:
            client.close()

    def forget(self) -> None:
        """Forget what was built, as with an emptied cache."""
        self._flights.forget()

    def respond(self, request: Request) -> Response:
        """Answer a request; an unknown path gets none of the factory's own headers."""
        try:
            response = self._route(request)
        except RefusedError as error:
            response = refuse(error.status, str(error))
        except (RegistryClientError, httpx.HTTPError, KeyError, ValueError) as error:
            self.failures.append(f"{request.path}: {error}")
            response = refuse(500, "internal server error")
        if response is None:
            return refuse(404, "404 page not found")
        if self._is_at_least(1, 0):
            response.headers["Server"] = f"Image Factory {self.version}"
        if self._is_at_least(1, 5):
            made = str(uuid.uuid4())
            response.headers["X-Request-ID"] = request.headers.get("X-Request-ID", made)
        return response

    def _route(self, request: Request) -> Response | None:
        parts = request.path.strip("/").split("/")
        is_read = request.method in ("GET", "HEAD")
        match parts:
            case ["schematics"] if request.method == "POST":
                return self._register(request)
            case ["healthz"] if is_read:
                return Response()
            case ["readyz"] if is_read and self._is_at_least(1, 3):
                return Response()
            case ["image", identity, version, path] if is_read:
                return self._asset(request, identity, version, path)
            case ["v2", *rest] if is_read:
                return self._installers.respond(request, rest)
            case ["talosctl", version, path] if is_read:
                return self._listings.talosctl_build(version, path)
        return self._get(parts) if request.method == "GET" else None

    def _get(self, parts: list[str]) -> Response | None:
        match parts:
            case ["schematics", identity] if self._is_at_least(0, 9):
                return self._read_back(identity)
            case ["versions"]:
                return self._listings.versions()
            case ["version", version, "extensions", "official"]:
                return self._listings.extensions(version)
            case ["version", version, "overlays", "official"]:
                return self._listings.overlays(version)
            case ["pxe", identity, version, path]:
                return self._pxe(identity, version, path)
            case ["talosctl", version] if self._is_at_least(1, 2):
                return self._listings.talosctl(version)
            case ["oci", "cosign", "signing-key.pub"]:
                return Response(PUBLIC_KEY, content_type=_PEM)
            case ["secureboot", "signing-cert.pem"]:
                if not self._secureboot_certificate:
                    raise RefusedError(500, "internal server error")
                return Response(self._secureboot_certificate, content_type=_PEM)
        return None

    def _is_at_least(self, major: int, minor: int) -> bool:
        return is_at_least(self.version, (major, minor, 0))

    # Schematics

    def _register(self, request: Request) -> Response:
        identity, canonical = self._schematics.register(request.get_data(as_text=True))
        answer = {"id": identity}
        if self._is_at_least(1, 3):
            answer["schematic"] = canonical
        return as_json(answer, status=201, content_type="application/json")

    def _read_back(self, identity: str) -> Response:
        try:
            schematic = self._schematics.find(identity)
        except RefusedError as error:
            if error.status != 404:
                raise
            raise RefusedError(404, "schematic not found") from None
        text = canonical_yaml(schematic, factory=self.version)
        return Response(text, content_type="application/yaml")

    # Boot assets

    def _asset(self, request: Request, identity: str, version: str, path: str) -> Response:
        if self._is_at_least(1, 1) and path.endswith(_CHECKSUMS):
            raise RefusedError(402, _CHECKSUMS_REFUSED)
        if self._is_at_least(1, 5) and path.endswith(".sigstore.json"):
            raise RefusedError(402, _SIGNATURES_REFUSED)
        data = self._build(identity, version, path)
        filename = request.args.get("filename") or path
        if self._object_store is not None and request.method == "GET":
            location = self._object_store.presign(data, filename)
            return Response(status=302, headers={"Location": location})
        headers = {
            "Content-Disposition": f'attachment; filename="{filename}"',
            "Content-Type": media_type(path, guesses=not self._is_at_least(1, 1)),
        }
        return Response(data, headers=headers)

    def _build(self, identity: str, version_text: str, path: str) -> bytes:
        schematic = self._schematics.find(identity)
        version = as_tag(version_text)
        key = f"{identity}/{version}/{path}"

        def build() -> bytes:
            self.gate.enter(key)
            made = self._builder.asset(identity, schematic, version, path)
            self.builds.append(key)
            return made

        return self._flights.get(key, build)

    def _pxe(self, identity: str, version_text: str, path: str) -> Response:
        cmdline = self._build(identity, version_text, f"cmdline-{path}").decode()
        profile = parse_profile(f"cmdline-{path}")
        base = f"{self._external_url}/image/{identity}/{as_tag(version_text)}"
        if profile.secureboot:
            uki = f"{base}/{profile.platform}-{profile.arch}-secureboot-uki.efi"
            lines = [f"kernel {uki} {cmdline}"]
        else:
            lines = [
                f"kernel {base}/kernel-{profile.arch} {cmdline}",
                f"initrd {base}/initramfs-{profile.arch}.xz",
            ]
        script = "\n".join(("#!ipxe", "", "imgfree", *lines, "boot", ""))
        return Response(script, content_type=TEXT)
