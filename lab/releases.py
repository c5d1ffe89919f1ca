"""A release server that answers as GitHub does for `siderolabs/talos`.

`/siderolabs/talos/releases/download/<tag>/<name>` is a 302 to a signed URL of an object store,
which serves the bytes with ETag and ranges. Names: the release step of Talos v1.11.5's CI.
"""

from __future__ import annotations

import hashlib
import io
import re
import threading
from collections.abc import Iterable

from werkzeug.wrappers import Request, Response

from lab.assets import asset_content
from lab.ranges import serve_bytes
from lab.server import Simulator
from lab.tls import ServerCertificate

__all__ = ["ASSET_NAMES", "Release", "Releases"]

_ARCHES = ("amd64", "arm64")
_TALOSCTL = (
    *("linux-amd64", "linux-arm64", "linux-armv7", "darwin-amd64", "darwin-arm64"),
    *("freebsd-amd64", "freebsd-arm64", "windows-amd64.exe", "windows-arm64.exe"),
)
_PER_ARCH = (
    *("vmlinuz-{}", "initramfs-{}.xz", "metal-{}.iso", "metal-{}.raw.zst", "metal-{}-uki.efi"),
    "talosctl-cni-bundle-{}.tar.gz",
)
ASSET_NAMES = (
    *(form.format(arch) for form in _PER_ARCH for arch in _ARCHES),
    *(f"talosctl-{target}" for target in _TALOSCTL),
    "cloud-images.json",
)
_SUM_FILES = {"sha256sum.txt": "sha256", "sha512sum.txt": "sha512"}
_DOWNLOAD = re.compile(r"/siderolabs/talos/releases/download/(?P<tag>v[^/]+)/(?P<name>[^/]+)\Z")
_OBJECT_PREFIX = "/github-production-release-asset/"
_OBJECT = re.compile(rf"{_OBJECT_PREFIX}(?P<tag>v[^/]+)/(?P<name>[^/]+)\Z")
_SMALL_BYTES = 16 * 1024


class Release:
    """The files of one release, made when first asked for.

    Args:
        tag: The release, e.g. `v1.11.5`.
        kernel_bytes: Size of each `vmlinuz-*`.
        initramfs_bytes: Size of each `initramfs-*`.
        names: Which files it has besides the sum files and the cosign bundles.
    """

    def __init__(
        self,
        tag: str,
        *,
        kernel_bytes: int = 4 << 20,
        initramfs_bytes: int = 16 << 20,
        names: Iterable[str] = ASSET_NAMES,
    ) -> None:
        self.tag = tag
        self.names = tuple(names)
        self._sizes = {"vmlinuz": kernel_bytes, "initramfs": initramfs_bytes}
        self._files: dict[str, bytes] = {}
        self._lock = threading.RLock()

    def find(self, name: str) -> bytes | None:
        """Return a file's bytes, or None when the release has no such file."""
        with self._lock:
            if name not in self._files and self._has(name):
                self._files[name] = self._make(name)
            return self._files.get(name) or None

    def put(self, name: str, data: bytes) -> None:
        """Add or replace a file; the sum files follow."""
        with self._lock:
            if name not in self.names:
                self.names = (*self.names, name)
            for sums in _SUM_FILES:
                self._files.pop(sums, None)
            self._files[name] = data

    def attach_bundle(self, name: str, bundle: bytes | None) -> None:
        """Give a file this cosign bundle, or none; bundles are in no sum file."""
        with self._lock:
            self._files[f"{name}.bundle"] = bundle or b""

    def remove(self, name: str) -> None:
        """Take a file away, from the sum files too."""
        with self._lock:
            self.names = tuple(kept for kept in self.names if kept != name)
            for gone in (name, *_SUM_FILES):
                self._files.pop(gone, None)

    def _has(self, name: str) -> bool:
        signed = name.removesuffix(".bundle")
        return signed in self.names or signed in _SUM_FILES

    def _make(self, name: str) -> bytes:
        if name in _SUM_FILES:
            return self._sums(_SUM_FILES[name])
        size = self._sizes.get(name.partition("-")[0], _SMALL_BYTES)
        return asset_content(self.tag, name, _SMALL_BYTES if name.endswith(".bundle") else size)

    def _sums(self, algorithm: str) -> bytes:
        """Write coreutils' text form: bare names, neither the sum files nor bundles listed."""
        lines = []
        for name in sorted(self.names):
            data = self.find(name)
            assert data is not None
            lines.append(f"{hashlib.new(algorithm, data).hexdigest()}  {name}\n")
        return "".join(lines).encode()


class Releases(Simulator):
    """The release server.

    Args:
        releases: What it holds at first; `add` publishes more.
        port: 0 for any free port.
        certificate: Speak TLS with it.
        object_store: URL of the server the redirects lead to; this very server by default.

    `ranges` may be switched off: objects are then served whole, whatever is asked for.
    """

    def __init__(
        self,
        releases: Iterable[Release] = (),
        *,
        port: int = 0,
        certificate: ServerCertificate | None = None,
        object_store: str = "",
    ) -> None:
        super().__init__(port=port, certificate=certificate)
        self._releases = {release.tag: release for release in releases}
        self._object_store = object_store
        self.ranges = True

    def add(self, release: Release) -> None:
        """Publish a release."""
        self._releases[release.tag] = release

    def release(self, tag: str) -> Release:
        """Return a release; KeyError when there is none."""
        return self._releases[tag]

    def respond(self, request: Request) -> Response:
        """Redirect a download, or serve an object."""
        if request.method not in ("GET", "HEAD"):
            return Response(status=405)
        download, found = _DOWNLOAD.match(request.path), _OBJECT.match(request.path)
        if download is not None and self._find(download) is not None:
            return self._redirect(request, download)
        data = None if found is None else self._find(found)
        if found is None or data is None:
            return Response("Not Found", status=404)
        if request.args.get("sig") != _signature(found["tag"], found["name"]):
            return Response("AuthenticationFailed", status=403)
        return _serve(request, found["name"], data, ranges=self.ranges)

    def _find(self, route: re.Match[str]) -> bytes | None:
        release = self._releases.get(route["tag"])
        return None if release is None else release.find(route["name"])

    def _redirect(self, request: Request, route: re.Match[str]) -> Response:
        base = self._object_store or request.host_url.rstrip("/")
        signature = _signature(route["tag"], route["name"])
        location = f"{base}{_OBJECT_PREFIX}{route['tag']}/{route['name']}?sig={signature}"
        return Response(status=302, headers={"Location": location})


def _signature(tag: str, name: str) -> str:
    return hashlib.sha256(f"signed:{tag}/{name}".encode()).hexdigest()[:32]


def _serve(request: Request, name: str, data: bytes, *, ranges: bool) -> Response:
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f"attachment; filename={name}",
        "ETag": f'"{hashlib.sha256(data).hexdigest()[:16]}"',
        "Last-Modified": "Mon, 24 Nov 2025 12:00:00 GMT",
    }
    size = len(data)
    return serve_bytes(request, lambda: io.BytesIO(data), size, headers=headers, ranges=ranges)
