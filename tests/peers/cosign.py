"""The real cosign, with keys of its own and with a trust root of ours; it asks nothing public.

A proxy that nobody listens on stands between it and everything but loopback.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.peers import Peers

__all__ = ["Cosign"]

_TIMEOUT_S = 600
_NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosign:
    """cosign in a folder of its own, which gets its key pair."""

    peers: Peers
    environment: Mapping[str, str]
    folder: Path

    @property
    def key(self) -> Path:
        """The public key."""
        return self.folder / "cosign.pub"

    def generate_keys(self) -> None:
        """Make the key pair."""
        self.run("generate-key-pair")

    def sign(self, reference: str, *options: str) -> None:
        """Sign an image with the private key, without a transparency log."""
        self.run("sign", *self._private(), *options, reference)

    def attest(self, reference: str, *options: str) -> None:
        """Attest something of an image with the private key."""
        predicate = self.folder / "predicate.json"
        predicate.write_text('{"tested": true}')
        self.run("attest", *self._private(), "--predicate", str(predicate), *options, reference)

    def attach_sbom(self, reference: str) -> None:
        """Attach a bill of materials by its tag."""
        sbom = self.folder / "sbom.json"
        sbom.write_text('{"spdxVersion": "SPDX-2.3"}')
        self.run("attach", "sbom", "--sbom", str(sbom), "--type", "spdx", reference)

    def accepts(self, reference: str, *options: str, **extra: str) -> bool:
        """Tell whether `cosign verify` accepts an image."""
        return self._try("verify", "--offline", *options, reference, **extra).returncode == 0

    def accepts_key(self, reference: str) -> bool:
        """Tell whether it accepts an image as signed with its own key."""
        return self.accepts(reference, "--key", str(self.key), "--insecure-ignore-tlog")

    def accepts_file(self, file: Path, *options: str, **extra: str) -> bool:
        """Tell whether `cosign verify-blob` accepts a file."""
        return self._try("verify-blob", "--offline", *options, str(file), **extra).returncode == 0

    def run(self, *arguments: str) -> str:
        """Run with arguments; return standard output. AssertionError carries standard error."""
        done = self._try(*arguments)
        assert done.returncode == 0, f"cosign {' '.join(arguments)}:\n{done.stderr[-2000:]}"
        return done.stdout

    def _private(self) -> tuple[str, ...]:
        return ("--key", str(self.folder / "cosign.key"), "--tlog-upload=false")

    def _try(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        own = {
            "COSIGN_PASSWORD": "",
            "COSIGN_YES": "true",
            "HTTP_PROXY": _NOWHERE,
            "HTTPS_PROXY": _NOWHERE,
            "NO_PROXY": "127.0.0.1",
        }
        return subprocess.run(
            [str(self.peers.path("cosign")), *arguments],
            cwd=self.folder,
            env={**self.environment, **own, **extra},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
