"""A private certificate authority, as a company without internet runs one (made with trustme)."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme

__all__ = ["Authority", "ServerCertificate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCertificate:
    """The PEM files a TLS server needs; `cert_file` holds the whole chain.

    With `clients`, an authority's file, a client has to show a certificate that it has signed.
    """

    cert_file: Path
    key_file: Path
    clients: Path | None = None


class Authority:
    """A certificate authority whose files live in a directory of the caller's.

    Args:
        directory: Gets `ca.pem` and the certificates issued; made when absent.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._ca = trustme.CA(organization_name="sidero-airgap lab")
        self._issued = 0
        self.ca_file = directory / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.ca_file))

    def issue(self, *names: str) -> ServerCertificate:
        """Issue a server certificate for DNS names and IP addresses (default 127.0.0.1)."""
        leaf = self._ca.issue_cert(*(names or ("127.0.0.1", "localhost")))
        self._issued += 1
        cert_file = self._directory / f"server-{self._issued}.pem"
        key_file = self._directory / f"server-{self._issued}-key.pem"
        cert_file.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        key_file.touch(mode=0o600)
        leaf.private_key_pem.write_to_path(str(key_file))
        return ServerCertificate(cert_file=cert_file, key_file=key_file)

    def issue_client(self, place: Path) -> None:
        """Write a client's `client.cert` and `client.key` into a directory, as `certs.d` has."""
        place.mkdir(parents=True, exist_ok=True)
        leaf = self._ca.issue_cert("client@site.example", common_name="client")
        leaf.cert_chain_pems[0].write_to_path(str(place / "client.cert"))
        leaf.private_key_pem.write_to_path(str(place / "client.key"))

    def trust(self) -> ssl.SSLContext:
        """Return a client context that trusts this authority only."""
        return ssl.create_default_context(cafile=str(self.ca_file))
