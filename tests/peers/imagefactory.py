"""The real Image Factory v1.0.3 as a child process: on loopback, or shut off from every network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import httpx
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from tests.peers.processes import bare_environment, serving
from tests.peers.sealed import SealedProgram, ask_inside, await_answer, sealed
from tools.peers import Peers

__all__ = [
    "Offline",
    "RealFactory",
    "SealedRegistry",
    "factory_configuration",
    "make_signing_key",
    "offline_factory",
    "public_key_of",
    "serve_image_factory",
]

_CONFIGURATION = "image-factory/config.yaml"
_DEFAULT_ADDRESS = ":8080"


@dataclass(frozen=True, slots=True, kw_only=True)
class RealFactory:
    """A factory that runs.

    Attributes:
        url: `http://127.0.0.1:port`.
        log: What it says; the only place where a 500 is explained.
        signing_key: What it signs with, PEM.
    """

    url: str
    log: Path
    signing_key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRegistry:
    """The registry that a sealed factory finds.

    Attributes:
        name: Its host as the factory's configuration has it, without a port.
        port: Where it listens.
        storage: What a distribution v3 keeps, filled before.
        certificate, key: PEM files; plain HTTP without.
    """

    name: str
    port: int
    storage: Path
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offline:
    """A factory that runs in there.

    Attributes:
        http: Asks it.
        log: What it says.
    """

    http: httpx.Client
    log: Path


def make_signing_key() -> bytes:
    """Make a key as `openssl ecparam -name prime256v1 -genkey` does: unencrypted PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def public_key_of(signing_key: bytes) -> str:
    """Return the public half of a private key, both PEM."""
    key = load_pem_private_key(signing_key, password=None).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def factory_configuration(
    registry: str, *, signing_key: str, address: str, external_url: str
) -> str:
    """Write the least that v1.0.3 needs to find everything in one registry.

    Args:
        registry: `host:port`.
        signing_key: The path of its key.
        address: Where it listens, `host:port`.
        external_url: Baked into scripts.
    """
    schematics = {"registry": registry, "namespace": "image-factory", "repository": "schematics"}
    cache = {"registry": registry, "namespace": "image-factory", "repository": "cache"}
    document = {
        "artifacts": {
            "core": {"registry": registry},
            "schematic": schematics,
            "installer": {"internal": {"registry": registry, "namespace": "siderolabs"}},
        },
        "cache": {"oci": cache, "signingKeyPath": signing_key},
        "containerSignature": {"disabled": True},
        "http": {"httpListenAddr": address, "externalURL": external_url},
        "metrics": {"addr": ""},
    }
    return yaml.safe_dump(document)


@contextmanager
def serve_image_factory(
    peers: Peers, folder: Path, *, registry: str, external_url: str
) -> Iterator[RealFactory]:
    """Run a factory over a registry on loopback, with its files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    key, configuration = make_signing_key(), folder / "config.yaml"
    (folder / "signing.key").write_bytes(key)

    def command(port: int) -> list[str]:
        text = factory_configuration(
            registry,
            signing_key=str(folder / "signing.key"),
            address=f"127.0.0.1:{port}",
            external_url=external_url,
        )
        configuration.write_text(text)
        return _command(peers, configuration)

    with serving(command, folder / "log", _environment(folder)) as port:
        yield RealFactory(url=f"http://127.0.0.1:{port}", log=folder / "log", signing_key=key)


@contextmanager
def offline_factory(
    peers: Peers,
    folder: Path,
    config: str,
    files: Mapping[str, bytes],
    registry: SealedRegistry,
    *,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Offline]:
    """Run a factory where there is no network but loopback, with a registry beside it.

    What calls home fails there at once: no route, no name server. /etc holds the configuration,
    `files` and the registry's name, and nothing else: no authority that the machine trusts.

    Args:
        peers: Where the programs are.
        folder: Gets logs and what the programs keep for a while.
        config: The factory's configuration, a YAML text as it is on.
        files: What the configuration or the environment names, by absolute path below /etc.
        registry: The registry.
        environment: The factory's, besides HOME, TMPDIR and PATH; e.g. SSL_CERT_FILE.

    Raises:
        ServerError: One of the two did not come up; the text ends with what it said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    hosts = f"127.0.0.1 localhost {registry.name}\n".encode()
    etc = {"hosts": hosts, _CONFIGURATION: config.encode()}
    etc |= {_below_etc(path): content for path, content in files.items()}
    programs = {
        "registry": _registry_program(peers, registry, folder),
        "factory": SealedProgram(
            command=_command(peers, Path("/etc", _CONFIGURATION)),
            environment={**_environment(folder), **(environment or {})},
            log=folder / "factory.log",
        ),
    }
    ports = {"registry": registry.port, "factory": _port(config)}
    with TemporaryDirectory(prefix="sealed-") as sockets, ExitStack() as stack:
        relays = {name: Path(sockets, name) for name in ports}  # such names have to be short
        leading = {relays[name]: port for name, port in ports.items()}
        stack.enter_context(sealed(list(programs.values()), etc=etc, relays=leading))
        store, http = (
            stack.enter_context(ask_inside(relays[name], host=name)) for name in programs
        )
        await_answer(store, "/v2/", programs["registry"])
        await_answer(http, "/healthz", programs["factory"])
        yield Offline(http=http, log=programs["factory"].log)


def _registry_program(peers: Peers, registry: SealedRegistry, folder: Path) -> SealedProgram:
    """Configure distribution v3; its configuration is YAML, and JSON is YAML."""
    http: dict[str, object] = {"addr": f"127.0.0.1:{registry.port}", "secret": "this test's"}
    if registry.certificate and registry.key:
        http["tls"] = {"certificate": str(registry.certificate), "key": str(registry.key)}
    document = {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(registry.storage)}},
        "http": http,
    }
    configuration = folder / "registry.json"
    configuration.write_text(json.dumps(document))
    return SealedProgram(
        command=[str(peers.path("registry")), "serve", str(configuration)],
        environment=bare_environment(OTEL_TRACES_EXPORTER="none", HOME=str(folder)),
        log=folder / "registry.log",
    )


def _command(peers: Peers, configuration: Path) -> list[str]:
    return [str(peers.path("image-factory")), f"--config={configuration}", "--log-level=debug"]


def _environment(folder: Path) -> dict[str, str]:
    """Keep its temporary files with the test's, and Sigstore's cache of keys out of reach."""
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    return bare_environment(HOME=str(folder), TMPDIR=str(temporary))


def _below_etc(path: str) -> str:
    below = Path(path).relative_to("/etc")
    return str(below)


def _port(config: str) -> int:
    address = yaml.safe_load(config)["http"].get("httpListenAddr", _DEFAULT_ADDRESS)
    port = urlsplit(f"//{address}").port
    assert port is not None, f"{address} names no port"
    return port
