"""A private authority for one test session, as files that real programs read."""

from dataclasses import dataclass
from pathlib import Path

import trustme

__all__ = ["Certificates", "issue_certificates"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """PEM files: the authority's certificate, and a server's chain and key."""

    authority: Path
    chain: Path
    key: Path


def issue_certificates(folder: Path) -> Certificates:
    """Make an authority and a certificate of its for servers on loopback."""
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost")
    made = Certificates(
        authority=folder / "ca.pem", chain=folder / "server.pem", key=folder / "server.key"
    )
    authority.cert_pem.write_to_path(str(made.authority))
    for position, block in enumerate(server.cert_chain_pems):
        block.write_to_path(str(made.chain), append=position > 0)
    server.private_key_pem.write_to_path(str(made.key))
    return made
