"""The machine's own trust and identities by registry: the containers' `certs.d` convention.

`<directory>/<host[:port]>/` holds authorities (`*.crt`) and client certificates (`*.cert`, each
with its `*.key`), as Docker's "Verify repository client with certificates" and
containers-certs.d(5) describe it. Of several directories the first one that has the host counts.
This is the door: nothing else of `airgap.net` touches the disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from airgap.errors import UpstreamError

__all__ = ["Identity", "Material", "find_material"]

_SYSTEM = ("/etc/containers/certs.d", "/etc/docker/certs.d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A client certificate's files; `version` tells a replaced pair from the one before."""

    certificate: Path
    key: Path
    version: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a machine has for one host: PEM of authorities, and client certificates."""

    authorities: str = ""
    identities: tuple[Identity, ...] = ()


def find_material(host: str, *, environ: Mapping[str, str] | None = None) -> Material:
    """Return what this machine's `certs.d` directories hold for a host.

    Args:
        host: `host[:port]`; the port 443 may be left out here and in the directory's name.
        environ: The process' environment by default. `AIRGAP_CERTS` names a directory that goes
            before all others.

    Raises:
        UpstreamError: A directory holds a certificate without its key, or what cannot be read.
    """
    names = _names(host)
    if not names:
        return Material()
    for directory in _directories(os.environ if environ is None else environ):
        for name in names:
            place = directory / name
            if place.is_dir():
                try:
                    return _read(place)
                except OSError as error:
                    raise UpstreamError(f"{place}: cannot be read: {error.strerror}") from None
    return Material()


def _names(host: str) -> tuple[str, ...]:
    parts = urlsplit(f"//{host}")
    name = (parts.hostname or "").lower()
    if not name or "/" in name or name.startswith("."):
        return ()
    bare = f"[{name}]" if ":" in name else name
    port = parts.port or 443
    return (f"{bare}:{port}", bare) if port == 443 else (f"{bare}:{port}",)


def _directories(environ: Mapping[str, str]) -> Iterator[Path]:
    if named := environ.get("AIRGAP_CERTS"):
        yield Path(named)
    if home := environ.get("HOME"):
        yield Path(home) / ".config" / "containers" / "certs.d"
    yield from map(Path, _SYSTEM)


def _read(place: Path) -> Material:
    files = {file.name: file for file in sorted(place.iterdir()) if file.is_file()}
    authorities = [file.read_text("ascii", "replace") for file in files.values() if _is_crt(file)]
    identities = [_pair(file, files) for file in files.values() if file.suffix == ".cert"]
    orphans = [name for name in files if name.endswith(".key") and f"{name[:-4]}.cert" not in files]
    if orphans:
        raise UpstreamError(
            f"{place / orphans[0]}: a key without its certificate {orphans[0][:-4]}.cert",
            hint="authorities end in .crt, client certificates in .cert",
        )
    return Material(authorities="\n".join(authorities), identities=tuple(identities))


def _is_crt(file: Path) -> bool:
    return file.suffix == ".crt"


def _pair(certificate: Path, files: Mapping[str, Path]) -> Identity:
    key = files.get(f"{certificate.stem}.key")
    if key is None:
        raise UpstreamError(
            f"{certificate}: a client certificate without its key {certificate.stem}.key",
            hint="authorities end in .crt, client certificates in .cert",
        )
    version = (certificate.stat().st_mtime_ns, key.stat().st_mtime_ns)
    return Identity(certificate=certificate, key=key, version=version)
