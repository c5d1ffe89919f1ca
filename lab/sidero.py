"""Sidero's manager as it really behaves (Sidero Metal v0.6.13): objects, downloads, iPXE, metadata.

One pod: `reconcile` is its controller, the HTTP side is what servers ask while they boot. Nothing
here is kinder than the real one; `lab.environments` and `lab.metadata` say how it behaves.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from werkzeug.wrappers import Request, Response

from lab.assets import asset_content
from lab.crds import prune
from lab.documents import as_mapping, as_sequence
from lab.environments import Downloader, DownloadError, is_ready
from lab.ipxe import BOOT_SCRIPT, DISK_SCRIPTS, environment_script
from lab.kernelargs import SIDERO_ARGS
from lab.metadata import MetadataBuilder
from lab.patching import PatchError
from lab.ranges import serve_bytes
from lab.server import Simulator

__all__ = ["Sidero"]

_BUILT_IN_TALOS = {"v0.6.13": "v1.13.0", "v0.6.12": "v1.12.0", "v0.6.11": "v1.11.0"}
_LINK_ADDRESS = "fdae:41e4:649b:9303::1"
_DEFAULT_PATCH = "default-environment.patch.yaml"
_AGENT_BYTES = 8 * 1024


class Sidero(Simulator):
    """Sidero's controller manager on loopback, plain HTTP as the real one.

    Args:
        directory: The pod's `/var/lib/sidero`.
        version: Sidero's release; bounds the machine configuration it understands.
        ca_bundle: The pod's SSL_CERT_FILE; the system's trust when None.
        download_limit_s: The real one's is five minutes.
        boot_from_disk: `ipxe-exit`, `http-404` or `ipxe-sanboot`.
        api: `host:port` that servers reach this one by; `127.0.0.1:<port>` by default.
        port: 0 for any free port; the real one's is 8081.
    """

    def __init__(
        self,
        directory: Path,
        *,
        version: str = "v0.6.13",
        ca_bundle: Path | None = None,
        download_limit_s: float = 300.0,
        boot_from_disk: str = "ipxe-exit",
        api: str = "",
        port: int = 0,
    ) -> None:
        super().__init__(port=port)
        self.version = version
        self.downloads = Downloader(
            directory=directory / "env", ca_bundle=ca_bundle, limit_s=download_limit_s
        )
        self._boot_from_disk = boot_from_disk
        self._api = api
        self._objects: dict[tuple[str, str], dict[str, object]] = {}
        self._bootstrap: dict[str, str] = {}
        self._server_class_of: dict[str, str] = {}
        self._pxe_booted: set[str] = set()
        self._lock = threading.RLock()
        self._create_defaults()

    # The Kubernetes side

    def apply(self, document: Mapping[str, object], *, strict: bool = False) -> None:
        """Create or replace an object; what the CRD does not know is dropped without a word.

        Raises:
            ApiError: The kind is unknown, or `strict` and a field is.
        """
        stored = prune(document, strict=strict)
        key = (str(stored["kind"]), str(as_mapping(stored.get("metadata")).get("name")))
        with self._lock:
            before = self._objects.get(key, {})
            if "status" in before:
                stored["status"] = before["status"]
            self._objects[key] = stored

    def patch(
        self, kind: str, name: str, patch: Mapping[str, object], *, strict: bool = False
    ) -> None:
        """Merge a patch into an object that is there (RFC 7386).

        Raises:
            KeyError: There is no such object.
            ApiError: `strict`, and a field is unknown.
        """
        merged = _merge(self.find(kind, name), patch)
        self.apply(as_mapping(merged), strict=strict)

    def apply_files(self, directory: Path, *, strict: bool = False) -> list[str]:
        """Do what a site's `apply.sh` does with Sidero's objects; return `Kind/name` of each.

        Every object below the directory is applied, and `default` gets its patch. Objects of other
        API groups (Secrets, ConfigMaps) are left alone.
        """
        applied = []
        for path in sorted((*directory.rglob("*.yaml"), *directory.rglob("*.yml"))):
            for document in yaml.safe_load_all(path.read_text()):
                if str(as_mapping(document).get("apiVersion", "")).startswith("metal.sidero.dev/"):
                    self.apply(document, strict=strict)
                    applied.append(f"{document['kind']}/{document['metadata']['name']}")
        patch = directory / _DEFAULT_PATCH
        if patch.exists():
            self.patch("Environment", "default", yaml.safe_load(patch.read_text()), strict=strict)
            applied.append("Environment/default")
        return applied

    def find(self, kind: str, name: str) -> dict[str, object]:
        """Return an object as stored; KeyError when there is none."""
        return self._objects[kind, name]

    def delete(self, kind: str, name: str) -> None:
        """Delete an object; the defaults come back."""
        with self._lock:
            del self._objects[kind, name]
            self._create_defaults()

    def bind(self, uuid: str, *, server_class: str, bootstrap: str) -> None:
        """Allocate a server through a ServerClass, with its bootstrap data (the CAPI side)."""
        with self._lock:
            if ("Server", uuid) not in self._objects:
                self.apply(
                    {
                        "apiVersion": "metal.sidero.dev/v1alpha2",
                        "kind": "Server",
                        "metadata": {"name": uuid},
                        "spec": {"accepted": True},
                    }
                )
            self._server_class_of[uuid] = server_class
            self._bootstrap[uuid] = bootstrap

    # The controller

    def reconcile(self) -> dict[str, str]:
        """Reconcile every Environment once; return the error of each that failed, by name.

        `default`, which points to GitHub until somebody changes it, fails without internet.
        """
        errors = {}
        for (kind, name), stored in sorted(self._objects.items()):
            if kind == "Environment":
                try:
                    self.downloads.reconcile(stored)
                except DownloadError as error:
                    errors[name] = str(error)
        return errors

    def restart_pod(self) -> None:
        """Lose the container's file system, as every restart does; the status stays."""
        shutil.rmtree(self.downloads.directory, ignore_errors=True)

    def asset_file(self, environment: str, file: str) -> Path:
        """Return where `vmlinuz` or `initramfs.xz` of an Environment lies."""
        return self.downloads.directory / environment / file

    # The HTTP side

    def respond(self, request: Request) -> Response:
        """Answer what a booting server asks."""
        match request.path.strip("/").split("/"):
            case ["boot.ipxe"]:
                return Response(BOOT_SCRIPT, mimetype="text/plain")
            case ["ipxe"]:
                return self._ipxe(request)
            case ["env", name, ("vmlinuz" | "initramfs.xz") as file]:
                return self._asset(request, name, file)
            case ["configdata"]:
                return self._config(request.args.get("uuid", ""))
        return Response("404 page not found\n", status=404)

    def _ipxe(self, request: Request) -> Response:
        uuid = request.args.get("uuid", "")
        server = self._objects.get(("Server", uuid))
        if server is None or uuid not in self._server_class_of:
            arch = "arm64" if request.args.get("arch") == "arm64" else "amd64"
            return self._script(f"agent-{arch}", SIDERO_ARGS)
        spec = as_mapping(server.get("spec"))
        server_class = as_mapping(self._class_of(uuid).get("spec"))
        if uuid in self._pxe_booted and not spec.get("pxeBootAlways"):
            return self._disk(spec, server_class)
        name = _reference(spec) or _reference(server_class) or "default"
        environment = self._objects.get(("Environment", name))
        if environment is None:
            return Response(f'environments.metal.sidero.dev "{name}" not found\n', status=404)
        if not is_ready(environment):
            return Response(f'environment "{name}" is not ready\n', status=412)
        kernel = as_mapping(as_mapping(environment.get("spec")).get("kernel"))
        self._pxe_booted.add(uuid)
        return self._script(name, [str(arg) for arg in as_sequence(kernel.get("args"))])

    def _disk(self, *specs: Mapping[str, object]) -> Response:
        stated = (str(spec["bootFromDiskMethod"]) for spec in specs if "bootFromDiskMethod" in spec)
        script = DISK_SCRIPTS[next(stated, self._boot_from_disk)]
        return Response(script, status=200 if script else 404, mimetype="text/plain")

    def _script(self, environment: str, args: Sequence[str]) -> Response:
        api = self._api or self.host
        script = environment_script(environment, args, api=api, link_address=_LINK_ADDRESS)
        return Response(script, mimetype="text/plain")

    def _asset(self, request: Request, name: str, file: str) -> Response:
        if name.startswith("agent-"):
            return Response(asset_content(self.version, f"{name}/{file}", _AGENT_BYTES))
        path = self.asset_file(name, file)
        if not path.is_file():
            return Response("404 page not found\n", status=404)
        headers = {"Content-Type": "application/octet-stream"}
        return serve_bytes(request, lambda: path.open("rb"), path.stat().st_size, headers=headers)

    def _config(self, uuid: str) -> Response:
        if not uuid:
            return Response("received metadata request with empty UUID\n", status=500)
        if uuid not in self._bootstrap:
            return Response("no bootstrap data for this server\n", status=404)
        builder = MetadataBuilder(
            sidero=self.version, api=self._api or self.host, siderolink_address=_LINK_ADDRESS
        )
        server_class = as_mapping(self._class_of(uuid).get("spec"))
        server = as_mapping(self._objects["Server", uuid].get("spec"))
        try:
            config = builder.build(uuid, self._bootstrap[uuid], server_class, server)
        except PatchError as error:
            return Response(f"failure applying patches: {error}\n", status=500)
        return Response(config, content_type="application/octet-stream")

    def _class_of(self, uuid: str) -> Mapping[str, object]:
        return self._objects.get(("ServerClass", self._server_class_of[uuid]), {})

    def _create_defaults(self) -> None:
        """Create what the manager makes at start when it is not there: `default` and `any`."""
        talos = _BUILT_IN_TALOS[self.version]
        releases = f"https://github.com/siderolabs/talos/releases/download/{talos}"
        environment = {
            "apiVersion": "metal.sidero.dev/v1alpha2",
            "kind": "Environment",
            "metadata": {"name": "default"},
            "spec": {
                "kernel": {"url": f"{releases}/vmlinuz-amd64", "args": list(SIDERO_ARGS)},
                "initrd": {"url": f"{releases}/initramfs-amd64.xz"},
            },
        }
        any_class = {
            "apiVersion": "metal.sidero.dev/v1alpha2",
            "kind": "ServerClass",
            "metadata": {"name": "any"},
            "spec": {"qualifiers": {}},
        }
        for document in (environment, any_class):
            key = (str(document["kind"]), str(as_mapping(document["metadata"])["name"]))
            if key not in self._objects:
                self.apply(document)


def _merge(target: object, patch: object) -> object:
    """Return the target with a merge patch applied: mappings merge, and null removes."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(as_mapping(target)) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value)
    return merged


def _reference(spec: Mapping[str, object]) -> str:
    """Return the name an environmentRef gives; nothing but the name counts."""
    return str(as_mapping(spec.get("environmentRef")).get("name", ""))
