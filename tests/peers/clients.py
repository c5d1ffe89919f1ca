"""crane, regctl and skopeo, each doing its own way what a user would do with it.

All trust one private authority and know nobody's credentials. Every answer is checked on disk, not
taken from what the program says.
"""

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.peers.processes import bare_environment
from tools.peers import Peers

__all__ = ["Client", "Crane", "Regctl", "Skopeo", "client_environment", "verify_layout"]

_TIMEOUT_S = 600


class Client(Protocol):
    """What the three have in common. References are ``host/repository:tag`` or ``@digest``."""

    def digest(self, reference: str) -> str:
        """Ask the registry for the digest of a reference."""

    def copy(self, source: str, destination: str) -> None:
        """Copy from registry to registry, all platforms, bytes unchanged."""

    def pull(self, reference: str, folder: Path) -> str:
        """Pull all platforms to disk, hash every blob, return the digest of the top manifest."""


def client_environment(authority: Path, home: Path) -> dict[str, str]:
    """Return the environment of a Go client that trusts `authority`, with an empty home."""
    home.mkdir(parents=True, exist_ok=True)
    return bare_environment(
        SSL_CERT_FILE=str(authority),
        SSL_CERT_DIR=str(home),
        HOME=str(home),
        DOCKER_CONFIG=str(home),
        XDG_RUNTIME_DIR=str(home),
        TMPDIR=str(home),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Program:
    peers: Peers
    name: str
    environment: Mapping[str, str]

    def run(self, *arguments: str) -> str:
        """Run with arguments; return standard output. AssertionError carries standard error."""
        command = [str(self.peers.path(self.name)), *arguments]
        done = subprocess.run(
            command,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, f"{self.name} {' '.join(arguments)}:\n{done.stderr[-2000:]}"
        return done.stdout


@dataclass(frozen=True, slots=True, kw_only=True)
class Crane(_Program):
    """google/go-containerregistry's client."""

    name: str = "crane"

    def digest(self, reference: str) -> str:
        """Ask the registry for the digest of a reference."""
        return self.run("digest", reference).strip()

    def copy(self, source: str, destination: str) -> None:
        """Copy from registry to registry, all platforms."""
        self.run("copy", source, destination)

    def push(self, layout: Path, reference: str) -> None:
        """Push the index that is the only entry of an OCI layout.

        crane takes a layout's index.json itself for the index to push; so it gets the same blobs
        under an index.json that is the entry.
        """
        top = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
        with tempfile.TemporaryDirectory() as folder:
            view = Path(folder)
            (view / "blobs").symlink_to(layout / "blobs")
            shutil.copy(layout / "oci-layout", view)
            shutil.copy(layout / "blobs" / top.replace(":", "/"), view / "index.json")
            self.run("push", "--index", folder, reference)

    def pull(self, reference: str, folder: Path) -> str:
        """Pull into an OCI layout."""
        self.run("pull", "--format=oci", reference, str(folder))
        return verify_layout(folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Regctl(_Program):
    """regclient's client."""

    name: str = "regctl"

    def digest(self, reference: str) -> str:
        """Ask the registry for the digest of a reference."""
        return self.run("image", "digest", reference).strip()

    def copy(self, source: str, destination: str) -> None:
        """Copy from registry to registry, all platforms, with what refers to them."""
        self.run("image", "copy", "--referrers", "--digest-tags", source, destination)

    def attach(self, reference: str, artifact_type: str, data: bytes) -> str:
        """Put an artifact whose subject is an image, as signing tools do; return its digest.

        Where a registry has no referrers API, regctl keeps the fallback tag that stands for it.
        """
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            what = ("--artifact-type", artifact_type, "--file", file.name, "--subject", reference)
            named = "--format={{.Manifest.GetDescriptor.Digest}}"
            return self.run("artifact", "put", *what, named).strip()

    def pull(self, reference: str, folder: Path) -> str:
        """Pull into an OCI layout."""
        self.run("image", "copy", reference, f"ocidir://{folder}:pulled")
        # Beside it, a subject that the image refers to may have got its fallback tag.
        return verify_layout(folder, "pulled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Skopeo(_Program):
    """Debian's skopeo."""

    name: str = "skopeo"

    def digest(self, reference: str) -> str:
        """Hash the manifest that the registry answers with."""
        # Not through run(): it decodes line ends away, and the digest is of bytes.
        command = [str(self.peers.path(self.name)), "inspect", "--raw", f"docker://{reference}"]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, timeout=_TIMEOUT_S, check=True
        )
        return _sha256(done.stdout)

    def copy(self, source: str, destination: str) -> None:
        """Copy from registry to registry, all platforms, or fail where bytes would change."""
        options = ("--insecure-policy", "copy", "--all", "--preserve-digests")
        self.run(*options, f"docker://{source}", f"docker://{destination}")

    def push(self, layout: Path, reference: str, *options: str) -> None:
        """Push the only entry of an OCI layout; ``--format=v2s2`` makes Docker's types of it."""
        base = ("--insecure-policy", "copy", "--all", *options)
        self.run(*base, f"oci:{layout}", f"docker://{reference}")

    def pull(self, reference: str, folder: Path) -> str:
        """Pull into skopeo's own directory format, which keeps any media type as it is."""
        folder.mkdir(parents=True)
        options = ("--insecure-policy", "copy", "--all", "--preserve-digests")
        self.run(*options, f"docker://{reference}", f"dir:{folder}")
        for blob in folder.iterdir():
            if len(blob.name) == len("0" * 64):
                assert _sha256(blob.read_bytes()) == f"sha256:{blob.name}"
        return _sha256((folder / "manifest.json").read_bytes())


def verify_layout(folder: Path, name: str | None = None) -> str:
    """Hash every blob of an OCI layout; return the digest of its entry (the one of that name)."""
    for blob in (folder / "blobs" / "sha256").iterdir():
        with blob.open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == blob.name
    entries = json.loads((folder / "index.json").read_text())["manifests"]
    named = "org.opencontainers.image.ref.name"
    (digest,) = {e["digest"] for e in entries if not name or e["annotations"].get(named) == name}
    assert (folder / "blobs" / str(digest).replace(":", "/")).is_file()
    return str(digest)


def _sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
