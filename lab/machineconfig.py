"""The part of a Talos machine configuration that decides where a node pulls images from.

Forms and rules: Talos 1.9 to 1.13, `machine.registries` (v1alpha1) and, since 1.12, the documents
RegistryMirrorConfig, RegistryTLSConfig and RegistryAuthConfig, which replace the v1alpha1 entry of
the same name. Unknown keys are errors, as in Talos' strict loader. No network, no files.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import yaml

from lab.documents import is_mapping

__all__ = [
    "EndpointAuth",
    "EndpointTls",
    "MachineConfigError",
    "Mirror",
    "MirrorEndpoint",
    "RegistryConfig",
    "read_registry_config",
]

_DOCUMENTS_SINCE = (1, 12)


class MachineConfigError(Exception):
    """Talos would refuse this configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorEndpoint:
    """One endpoint of a mirror entry."""

    url: str
    override_path: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """The mirror entry of one registry, or of `*`."""

    endpoints: tuple[MirrorEndpoint, ...] = ()
    skip_fallback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointTls:
    """How to speak TLS with one endpoint host; PEM text throughout."""

    ca: str = ""
    insecure_skip_verify: bool = False
    client_cert: str = ""
    client_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointAuth:
    """Credentials of one endpoint host: user and password, or an identity token."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryConfig:
    """Everything a node's resolver knows."""

    mirrors: Mapping[str, Mirror] = field(default_factory=dict)
    tls: Mapping[str, EndpointTls] = field(default_factory=dict)
    auth: Mapping[str, EndpointAuth] = field(default_factory=dict)
    trusted_roots: tuple[str, ...] = ()

    @property
    def endpoint_hosts(self) -> frozenset[str]:
        """`host[:port]` of every endpoint."""
        return frozenset(
            urlsplit(endpoint.url).netloc
            for mirror in self.mirrors.values()
            for endpoint in mirror.endpoints
        )


def read_registry_config(documents: str, *, talos: str = "v1.11.5") -> RegistryConfig:
    """Read a (multi-document) machine configuration as a node of that Talos version does.

    Raises:
        MachineConfigError: Talos would refuse it.
    """
    mirrors: dict[str, Mirror] = {}
    tls: dict[str, EndpointTls] = {}
    auth: dict[str, EndpointAuth] = {}
    roots: list[str] = []
    # v1alpha1 first: a document of the same name replaces its entry, wherever it stands.
    for document in sorted(_load(documents), key=lambda item: "kind" in item):
        match document.get("kind"):
            case None:
                _read_v1alpha1(document, mirrors, tls, auth)
            case "RegistryMirrorConfig":
                _require_documents(document, talos)
                mirrors[_name(document)] = _mirror_document(document)
            case "RegistryTLSConfig":
                _require_documents(document, talos)
                tls[_name(document)] = _tls_document(document)
            case "RegistryAuthConfig":
                _require_documents(document, talos)
                auth[_name(document)] = _auth(_without_head(document))
            case "TrustedRootsConfig":
                roots.append(_pem(document.get("certificates"), "certificates"))
            case _:
                pass  # other documents do not bear on registries
    config = RegistryConfig(mirrors=mirrors, tls=tls, auth=auth, trusted_roots=tuple(roots))
    _check_tls(config)
    return config


def _load(documents: str) -> list[dict[str, object]]:
    loaded: Iterable[object] = yaml.safe_load_all(documents)
    return [_mapping(document, "document") for document in loaded if document is not None]


def _read_v1alpha1(
    document: dict[str, object],
    mirrors: dict[str, Mirror],
    tls: dict[str, EndpointTls],
    auth: dict[str, EndpointAuth],
) -> None:
    machine = _mapping(document.get("machine", {}), "machine")
    registries = _mapping(machine.get("registries", {}), "machine.registries")
    _only(registries, "machine.registries", "mirrors", "config")
    for name, entry in _mapping(registries.get("mirrors", {}), "mirrors").items():
        mirrors[name] = _mirror_entry(_mapping(entry, f"mirrors.{name}"))
    for host, entry in _mapping(registries.get("config", {}), "config").items():
        fields = _mapping(entry, f"config.{host}")
        _only(fields, f"config.{host}", "tls", "auth")
        if "tls" in fields:
            tls[host] = _tls_entry(_mapping(fields["tls"], f"config.{host}.tls"))
        if "auth" in fields:
            auth[host] = _auth(_mapping(fields["auth"], f"config.{host}.auth"))


def _mirror_entry(entry: dict[str, object]) -> Mirror:
    _only(entry, "mirror", "endpoints", "overridePath", "skipFallback")
    override = entry.get("overridePath") is True
    urls = _items(entry.get("endpoints", []), "endpoints")
    endpoints = tuple(MirrorEndpoint(url=_url(url), override_path=override) for url in urls)
    return Mirror(endpoints=endpoints, skip_fallback=entry.get("skipFallback") is True)


def _mirror_document(document: dict[str, object]) -> Mirror:
    fields = _without_head(document)
    _only(fields, "RegistryMirrorConfig", "endpoints", "skipFallback")
    endpoints = []
    for item in _items(fields.get("endpoints", []), "endpoints"):
        entry = _mapping(item, "endpoint")
        _only(entry, "endpoint", "url", "overridePath")
        override = entry.get("overridePath") is True
        endpoints.append(MirrorEndpoint(url=_url(entry.get("url")), override_path=override))
    return Mirror(endpoints=tuple(endpoints), skip_fallback=fields.get("skipFallback") is True)


def _tls_entry(entry: dict[str, object]) -> EndpointTls:
    """Read the v1alpha1 form: everything base64 of PEM, the identity as crt and key."""
    _only(entry, "tls", "ca", "insecureSkipVerify", "clientIdentity")
    identity = _mapping(entry.get("clientIdentity", {}), "clientIdentity")
    _only(identity, "clientIdentity", "crt", "key")
    return EndpointTls(
        ca=_pem(_decoded(entry["ca"]), "ca") if "ca" in entry else "",
        insecure_skip_verify=entry.get("insecureSkipVerify") is True,
        client_cert=_decoded(identity["crt"]) if "crt" in identity else "",
        client_key=_decoded(identity["key"]) if "key" in identity else "",
    )


def _tls_document(document: dict[str, object]) -> EndpointTls:
    """Read the document form: raw PEM, the identity as cert and key."""
    fields = _without_head(document)
    _only(fields, "RegistryTLSConfig", "ca", "insecureSkipVerify", "clientIdentity")
    identity = _mapping(fields.get("clientIdentity", {}), "clientIdentity")
    _only(identity, "clientIdentity", "cert", "key")
    return EndpointTls(
        ca=_pem(fields["ca"], "ca") if "ca" in fields else "",
        insecure_skip_verify=fields.get("insecureSkipVerify") is True,
        client_cert=str(identity.get("cert", "")),
        client_key=str(identity.get("key", "")),
    )


def _auth(entry: dict[str, object]) -> EndpointAuth:
    """Precedence as in Talos: username, then identityToken, then auth (base64 of user:password)."""
    _only(entry, "auth", "username", "password", "auth", "identityToken")
    if entry.get("username"):
        return EndpointAuth(
            username=str(entry["username"]), password=str(entry.get("password", ""))
        )
    if entry.get("identityToken"):
        return EndpointAuth(identity_token=str(entry["identityToken"]))
    username, _, password = _decoded(entry.get("auth", "")).partition(":")
    return EndpointAuth(username=username, password=password)


def _check_tls(config: RegistryConfig) -> None:
    if "*" in config.tls:
        raise MachineConfigError('config["*"].tls is not allowed')
    for mirror in config.mirrors.values():
        for endpoint in mirror.endpoints:
            parts = urlsplit(endpoint.url)
            if parts.scheme == "http" and parts.netloc in config.tls:
                raise MachineConfigError(f"TLS config for the http endpoint {endpoint.url}")


def _require_documents(document: dict[str, object], talos: str) -> None:
    major, minor = (int(part) for part in talos.removeprefix("v").split(".")[:2])
    if (major, minor) < _DOCUMENTS_SINCE:
        kind = document["kind"]
        raise MachineConfigError(f'"{kind}" "v1alpha1": not registered in Talos {talos}')


def _without_head(document: dict[str, object]) -> dict[str, object]:
    return {
        key: item for key, item in document.items() if key not in ("apiVersion", "kind", "name")
    }


def _name(document: dict[str, object]) -> str:
    name = document.get("name")
    if not isinstance(name, str) or not name:
        raise MachineConfigError(f"{document['kind']}: name is required")
    return name


def _url(value: object) -> str:
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        raise MachineConfigError(f"{value!r} is no http(s) URL")
    return value


def _decoded(value: object) -> str:
    try:
        return base64.b64decode(str(value), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise MachineConfigError(f"not base64: {error}") from None


def _pem(value: object, what: str) -> str:
    if not isinstance(value, str) or "-----BEGIN CERTIFICATE-----" not in value:
        raise MachineConfigError(f"{what}: not a PEM certificate")
    return value


def _items(value: object, what: str) -> list[object]:
    if not isinstance(value, list):
        raise MachineConfigError(f"{what}: expected a list")
    return value


def _mapping(value: object, what: str) -> dict[str, object]:
    if not is_mapping(value):
        raise MachineConfigError(f"{what}: expected a mapping, found {value!r}")
    return value


def _only(entry: Mapping[str, object], what: str, *known: str) -> None:
    unknown = sorted(set(entry) - set(known))
    if unknown:
        raise MachineConfigError(f"{what}: unknown keys {', '.join(unknown)}")
