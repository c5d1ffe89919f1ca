"""Machine configuration a server class adds, as one strategic merge patch.

Two dialects, by what both the Talos release and the machinery inside Sidero understand: everything
in one v1alpha1 document (any release; a JSON patch on the Server still works beside it), or the
documents of Talos 1.12 and newer. Documents are keyed by `v1alpha1` or `<kind>[/<name>]`, so that
a change reads as a path. The volume of an image cache is a document in either dialect: Talos has
no other form of it, and only a site that asks for one gives up the single document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from airgap.plan.mirrors import Mirror, Mirrors, Trust
from airgap.plan.model import PlainValues
from airgap.plan.trust import bundle, fingerprint, to_base64, to_pem
from airgap.site.model import Discovery, ImageCache, Nodes, Site
from airgap.talos import Dialect

__all__ = ["MachineConfig", "plan_machine_config", "registries_section"]

_TRUSTED_ROOTS = "sidero-airgap"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineConfig:
    """The documents of one patch by key, in order."""

    documents: dict[str, PlainValues]

    def to_patch(self) -> list[PlainValues]:
        """Return the documents as Talos takes them."""
        return list(self.documents.values())

    def to_view(self) -> PlainValues:
        """Return the documents for a reader: certificates by fingerprint."""
        return {key: _without_pem(document) for key, document in self.documents.items()}


def plan_machine_config(
    site: Site, mirrors: Mirrors, *, installer: str, dialect: Dialect
) -> MachineConfig:
    """Return what a server class adds to the machine configuration of its servers.

    Args:
        site: The site.
        mirrors: Its registry mirrors.
        installer: The installer image's reference.
        dialect: What the Talos release and Sidero's machinery both understand.
    """
    if dialect == "documents":
        return MachineConfig(documents=dict(_documents(site, mirrors, installer)))
    machine = _base_machine(site, installer)
    machine["registries"] = registries_section(mirrors)
    machine["time"] = _time(site.nodes)
    if network := _network(site.nodes):
        machine["network"] = network
    documents = {"v1alpha1": _v1alpha1(machine, site), **dict(_volume(site.image_cache))}
    return MachineConfig(documents=documents)


def _v1alpha1(machine: PlainValues, site: Site) -> PlainValues:
    return {"machine": machine, "cluster": {"discovery": _discovery(site.nodes.discovery)}}


def _base_machine(site: Site, installer: str) -> dict[str, object]:
    """Return what stays in v1alpha1 in either dialect, up to Talos 1.13."""
    machine: dict[str, object] = {"install": {"image": installer}}
    if site.image_cache.enabled:
        machine["features"] = {"imageCache": {"localEnabled": True}}
    return machine


def _discovery(discovery: Discovery) -> PlainValues:
    if not discovery.enabled:
        return {"enabled": False}
    if discovery.endpoint is None:
        return {"enabled": True}
    return {"enabled": True, "registries": {"service": {"endpoint": discovery.endpoint}}}


def registries_section(mirrors: Mirrors) -> PlainValues:
    """Return `machine.registries` of v1alpha1, which every release from 1.9 to 1.13 reads."""
    section: dict[str, object] = {
        "mirrors": {host: _mirror(mirror) for host, mirror in mirrors.by_host.items()}
    }
    config = {host: {"tls": tls} for host, trust in mirrors.trust.items() if (tls := _tls(trust))}
    if config:
        section["config"] = config
    return section


def _mirror(mirror: Mirror) -> PlainValues:
    return {
        "endpoints": list(mirror.endpoints),
        "overridePath": mirror.override_path,
        "skipFallback": mirror.skip_fallback,
    }


def _tls(trust: Trust) -> PlainValues:
    """Return TLS settings in v1alpha1's form (`ca` is base64); nothing where none are needed."""
    settings: dict[str, object] = {"ca": to_base64(trust.ca)} if trust.ca else {}
    return settings | ({"insecureSkipVerify": True} if trust.skip_verify else {})


def _time(nodes: Nodes) -> PlainValues:
    """Return the time servers; without any, synchronisation is off.

    Talos' default is time.cloudflare.com, and a boot waits until the time is in sync.
    """
    return {"servers": list(nodes.time_servers)} if nodes.time_servers else {"disabled": True}


def _network(nodes: Nodes) -> PlainValues:
    network: dict[str, object] = {}
    if nodes.nameservers:
        network["nameservers"] = list(nodes.nameservers)
    if nodes.extra_hosts:
        network["extraHostEntries"] = [
            {"ip": ip, "aliases": list(names)} for ip, names in sorted(nodes.extra_hosts.items())
        ]
    return network


def _documents(site: Site, mirrors: Mirrors, installer: str) -> Iterator[tuple[str, PlainValues]]:
    yield "v1alpha1", _v1alpha1(_base_machine(site, installer), site)
    for host, mirror in mirrors.by_host.items():
        yield _document("RegistryMirrorConfig", host, _mirror_document(mirror))
    for host, trust in mirrors.trust.items():
        if settings := _tls_document(trust):
            yield _document("RegistryTLSConfig", host, settings)
    if roots := _roots(site, mirrors):
        yield _document("TrustedRootsConfig", _TRUSTED_ROOTS, {"certificates": roots})
    yield from _node_documents(site.nodes)
    yield from _volume(site.image_cache)


def _document(kind: str, name: str, body: PlainValues) -> tuple[str, PlainValues]:
    head = {"apiVersion": "v1alpha1", "kind": kind}
    return (f"{kind}/{name}", {**head, "name": name, **body}) if name else (kind, {**head, **body})


def _mirror_document(mirror: Mirror) -> PlainValues:
    """Return a mirror in the documents' form: `overridePath` belongs to each endpoint."""
    endpoints = [{"url": url, "overridePath": mirror.override_path} for url in mirror.endpoints]
    return {"endpoints": endpoints, "skipFallback": mirror.skip_fallback}


def _tls_document(trust: Trust) -> PlainValues:
    """Return TLS settings in the documents' form (`ca` is PEM)."""
    settings: dict[str, object] = {"ca": trust.ca} if trust.ca else {}
    return settings | ({"insecureSkipVerify": True} if trust.skip_verify else {})


def _roots(site: Site, mirrors: Mirrors) -> str:
    """Return every CA of the site, for clients that know no registry settings."""
    places = [trust.ca for trust in mirrors.trust.values()]
    return bundle([*places, site.asset_mirror.ca])


def _node_documents(nodes: Nodes) -> Iterator[tuple[str, PlainValues]]:
    time = {"ntp": {"servers": list(nodes.time_servers)}}
    yield _document("TimeSyncConfig", "", time if nodes.time_servers else {"enabled": False})
    if nodes.nameservers:
        addresses = [{"address": address} for address in nodes.nameservers]
        yield _document("ResolverConfig", "", {"nameservers": addresses})
    for ip, names in sorted(nodes.extra_hosts.items()):
        yield _document("StaticHostConfig", ip, {"hostnames": list(names)})


def _volume(cache: ImageCache) -> Iterator[tuple[str, PlainValues]]:
    """Yield the partition that Talos copies a medium's image cache to when it installs."""
    if cache.enabled and cache.volume is not None:
        provisioning = {
            "diskSelector": {"match": cache.volume.disk_selector},
            "minSize": cache.volume.min_size,
            "maxSize": cache.volume.max_size,
        }
        yield _document("VolumeConfig", "IMAGECACHE", {"provisioning": provisioning})


def _without_pem(values: PlainValues) -> PlainValues:
    """Return the values with each certificate replaced by its fingerprint."""
    return dict(_view(key, value) for key, value in values.items())


def _view(key: str, value: object) -> tuple[str, object]:
    if isinstance(value, Mapping):
        return key, _without_pem(value)
    if key in {"ca", "certificates"} and isinstance(value, str):
        return f"{key}Fingerprint", fingerprint(to_pem(value))
    return key, value
