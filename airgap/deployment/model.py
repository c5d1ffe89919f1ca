"""A factory to be deployed, as values: the site's wish and the lock's digest, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from airgap.deployment.places import Places, find_places
from airgap.errors import Fault, LockError
from airgap.lock.model import Lock
from airgap.oci.reference import path_component
from airgap.site.model import Deployment, Site
from airgap.talos import version_key
from airgap.talos.factory_release import CONFIGURED_BY_FILE

__all__ = ["FactoryDeployment", "deployed_factory", "factory_image"]

_HOST, _REPOSITORY = "ghcr.io", "siderolabs/image-factory"
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class FactoryDeployment:
    """What is the same however it is run.

    Attributes:
        url: As machines reach it, without a slash at the end.
        image: Its own image in the site's registry, by tag and digest.
        authorities: PEM of every CA of the registries it talks to; empty where none is private.
        signer: PEM of the key that what it reads is signed by; empty: signatures are not checked.
        wish: What the author says of its running.
    """

    version: str
    url: str
    image: str
    places: Places
    authorities: str
    signer: str
    secure_boot: bool
    wish: Deployment

    @property
    def by_file(self) -> bool:
        """Whether it is configured by a file, and needs no privileges: from v1.0."""
        return version_key(self.version) >= CONFIGURED_BY_FILE

    @property
    def has_tls(self) -> bool:
        """Whether it shows a certificate itself."""
        return self.wish.tls_secret_ref is not None

    @property
    def port(self) -> int:
        """The port that its URL names."""
        parts = urlsplit(self.url)
        return parts.port or _PORTS[parts.scheme]

    @property
    def hosts(self) -> frozenset[str]:
        """Every host[:port] it may name."""
        read = {self.places.core.registry, urlsplit(self.url).netloc}
        return frozenset(read | {place.registry for place in self.places.written})


def deployed_factory(site: Site, *, image: str) -> FactoryDeployment:
    """Return the factory that a site deploys; its release and URL are given (checked).

    Args:
        site: Whose.
        image: As `factory_image` says; no part of the configuration.
    """
    factory = site.image_factory
    return FactoryDeployment(
        version=factory.version or "",
        url=(factory.endpoint or "").rstrip("/"),
        image=image,
        places=find_places(site),
        authorities=_authorities(site),
        signer=(factory.verification.public_key or "") if factory.verification else "",
        secure_boot=factory.secure_boot,
        wish=factory.deployment,
    )


def factory_image(site: Site, lock: Lock) -> str:
    """Return the factory's own image at its place in the site's registry, where `up` puts it.

    Not by a mirror of ghcr.io: a host that runs it by compose or systemd has none.

    Raises:
        LockError: The lock has no image of it.
    """
    version = site.image_factory.version
    upstream = f"{_HOST}/{_REPOSITORY}:{version}"
    pin = lock.images.get(upstream)
    if pin is None:
        fault = Fault(path=f"images[{upstream}]", message="missing, and the site deploys it")
        raise LockError("lock", [fault], hint="run: python -m airgap lock <site>")
    registry = site.registry
    parts = [urlsplit(registry.endpoints[0].url).netloc, registry.path_prefix]
    if registry.layout == "prefix":
        parts.append(path_component(_HOST))
    name = "/".join(part for part in (*parts, _REPOSITORY) if part)
    return f"{name}:{version}@{pin.digest}"


def _authorities(site: Site) -> str:
    """Return the distinct CAs of the site's registries and the factory's own."""
    factory = site.image_factory
    written = factory.registry.ca if factory.registry else None
    pems = [*(endpoint.ca for endpoint in site.registry.endpoints), written, factory.ca]
    distinct = dict.fromkeys(pem.strip() for pem in pems if pem)
    return "".join(f"{pem}\n" for pem in distinct)
