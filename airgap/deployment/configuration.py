"""A factory's configuration, in the words of either generation.

siderolabs/image-factory v0.8 and v0.9: flags (`cmd/image-factory/flags.go`); from v1.0 a YAML file
(`cmd/image-factory/cmd/options.go`, docs/configuration.md of v1.5.0). Each of the four registry
blocks is written out with its own scheme: three of them default to ghcr.io, and are pushed to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from airgap.deployment.model import FactoryDeployment
from airgap.deployment.places import Place
from airgap.deployment.signing_key import SIGNING_KEY_FILE
from airgap.talos import version_key
from airgap.talos.factory_release import VERIFICATION_CAN_BE_OFF

__all__ = [
    "AUTHORITIES_FILE",
    "CONFIG_FILE",
    "FOLDER",
    "METRICS_PORT",
    "PORT",
    "REGISTRY_FOLDER",
    "SECURE_BOOT_FILES",
    "SIGNER_FILE",
    "TLS_FILES",
    "arguments",
    "configuration",
    "configuration_files",
    "environment",
    "files_digest",
    "flags",
    "settings",
]

FOLDER = "/etc/image-factory"
"""Where its files are, in the container and on a host that runs it."""

CONFIG_FILE = "config/config.yaml"
AUTHORITIES_FILE = "config/site-ca.crt"
SIGNER_FILE = "config/signer.pub"
TLS_FILES = ("tls/tls.crt", "tls/tls.key")
SECURE_BOOT_FILES = {
    "signingKeyPath": "secure-boot/signing-key.pem",
    "signingCertPath": "secure-boot/signing-cert.pem",
    "pcrKeyPath": "secure-boot/pcr-key.pem",
}
REGISTRY_FOLDER = "registry"
PORT = 8080
METRICS_PORT = 2122

Settings = dict[str, object]


def configuration(factory: FactoryDeployment, folder: str = FOLDER) -> Settings | tuple[str, ...]:
    """Return the configuration of the factory's generation: settings, or flags."""
    return settings(factory, folder) if factory.by_file else flags(factory, folder)


def arguments(factory: FactoryDeployment) -> tuple[str, ...]:
    """Return what its container is started with."""
    if not factory.by_file:
        return flags(factory)
    return (f"--config={FOLDER}/{CONFIG_FILE}", "--log-level=info")


def environment(factory: FactoryDeployment) -> dict[str, str]:
    """Return its environment: whom it trusts, who it is to registries, where it may write.

    Go reads `SSL_CERT_FILE` in place of the system's bundle (crypto/x509).
    """
    trust = {"SSL_CERT_FILE": f"{FOLDER}/{AUTHORITIES_FILE}"} if factory.authorities else {}
    pushes = factory.wish.registry_secret_ref is not None
    login = {"DOCKER_CONFIG": f"{FOLDER}/{REGISTRY_FOLDER}"} if pushes else {}
    return {"HOME": "/tmp", "TMPDIR": "/tmp", **login, **trust}  # noqa: S108 - the container's own


def configuration_files(factory: FactoryDeployment) -> Settings:
    """Return its files without secrets by name, `config.yaml` structured; none where it has none.

    It has none with flags, without a private CA and without a key of the site's.
    """
    found: Settings = {CONFIG_FILE: settings(factory)} if factory.by_file else {}
    for path, text in ((AUTHORITIES_FILE, factory.authorities), (SIGNER_FILE, factory.signer)):
        if text:
            found[path] = text
    return {path.rpartition("/")[2]: content for path, content in found.items()}


def files_digest(factory: FactoryDeployment) -> str:
    """Return the digest of its files: what is started again when it changes carries it."""
    text = json.dumps(configuration_files(factory), sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def settings(factory: FactoryDeployment, folder: str = FOLDER) -> Settings:
    """Return the configuration file's content (from v1.0).

    Args:
        factory: Which.
        folder: Where its files are.
    """
    places = factory.places
    return {
        "http": _http(factory, folder),
        "build": {"maxConcurrency": factory.wish.max_concurrency},
        "artifacts": {
            "core": _core(places.core),
            "schematic": _repository(places.schematics),
            # Without an external one it hands installers on itself.
            "installer": {"internal": _repository(places.installers)},
        },
        "cache": {
            "oci": _repository(places.cache),
            "signingKeyPath": f"{folder}/{SIGNING_KEY_FILE}",
        },
        "containerSignature": _signature(factory, folder),
        "metrics": {"addr": f":{METRICS_PORT}"},
        **_secure_boot(factory, folder),
    }


def _http(factory: FactoryDeployment, folder: str) -> Settings:
    certificate, key = (f"{folder}/{file}" for file in TLS_FILES)
    tls = {"certFile": certificate, "keyFile": key} if factory.has_tls else {}
    return {"httpListenAddr": f":{PORT}", "externalURL": f"{factory.url}/", **tls}


def _core(place: Place) -> Settings:
    """Return what it reads from; `namespace` only where it is used: v1.4.0 brought it."""
    below = {"namespace": place.namespace} if place.namespace else {}
    return {"registry": place.registry, "insecure": place.plain_http, **below}


def _repository(place: Place) -> Settings:
    return {
        "registry": place.registry,
        "namespace": place.namespace,
        "repository": place.repository,
        "insecure": place.plain_http,
    }


def _signature(factory: FactoryDeployment, folder: str) -> Settings:
    """Return whose signatures it asks for.

    The empty `subjectRegExp` is what keeps it inside: its default stands for keyless signatures,
    and those need Sigstore's TUF root.
    """
    if not factory.signer:
        return {"disabled": True, "subjectRegExp": ""}
    return {
        "disabled": False,
        "subjectRegExp": "",
        "publicKeyFile": f"{folder}/{SIGNER_FILE}",
        "publicKeyHashAlgo": "sha256",
    }


def _secure_boot(factory: FactoryDeployment, folder: str) -> Settings:
    if not factory.secure_boot:
        return {}
    files = {key: f"{folder}/{file}" for key, file in SECURE_BOOT_FILES.items()}
    return {"secureBoot": {"enabled": True, "file": files}}


def flags(factory: FactoryDeployment, folder: str = FOLDER) -> tuple[str, ...]:
    """Return the flags (up to v0.9), each as one word."""
    return tuple(f"-{name}={_word(value)}" for name, value in _flags(factory, folder))


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _flags(factory: FactoryDeployment, folder: str) -> Iterator[tuple[str, object]]:
    places = factory.places
    yield "http-port", f":{PORT}"
    if factory.has_tls:
        yield "http-cert-file", f"{folder}/{TLS_FILES[0]}"
        yield "http-key-file", f"{folder}/{TLS_FILES[1]}"
    yield "external-url", f"{factory.url}/"
    yield "asset-builder-max-concurrency", factory.wish.max_concurrency
    yield "metrics-listen-addr", f":{METRICS_PORT}"
    yield "image-registry", places.core.registry
    yield "insecure-image-registry", places.core.plain_http
    yield from _repository_flags("schematic-service-repository", places.schematics)
    yield from _repository_flags("installer-internal-repository", places.installers)
    # v0.9 hands installers on itself when it is empty; v0.8 would send machines to ghcr.io.
    external = "" if _can_be_off(factory) else places.installers
    yield "installer-external-repository", external
    yield from _repository_flags("cache-repository", places.cache)
    yield "cache-signing-key-path", f"{folder}/{SIGNING_KEY_FILE}"
    yield from _signature_flags(factory, folder)
    yield from _secure_boot_flags(factory, folder)


def _repository_flags(name: str, place: Place) -> Iterator[tuple[str, object]]:
    yield name, place
    yield f"insecure-{name}", place.plain_http


def _signature_flags(factory: FactoryDeployment, folder: str) -> Iterator[tuple[str, object]]:
    if factory.signer:
        yield "container-signature-pubkey", f"{folder}/{SIGNER_FILE}"
    elif _can_be_off(factory):
        yield "container-signature-disabled", True


def _secure_boot_flags(factory: FactoryDeployment, folder: str) -> Iterator[tuple[str, object]]:
    if factory.secure_boot:
        yield "secureboot", True
        for name, key in (
            ("signing-key-path", "signingKeyPath"),
            ("signing-cert-path", "signingCertPath"),
            ("pcr-key-path", "pcrKeyPath"),
        ):
            yield f"secureboot-{name}", f"{folder}/{SECURE_BOOT_FILES[key]}"


def _can_be_off(factory: FactoryDeployment) -> bool:
    return version_key(factory.version) >= VERIFICATION_CAN_BE_OFF
