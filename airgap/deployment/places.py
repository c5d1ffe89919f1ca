"""Where a factory reads and writes: four places in the site's registries.

What it reads lies at `[prefix/]siderolabs/<name>` in the registry that the site's images are pushed
to. What it writes goes below one namespace, `[prefix/]image-factory`, so that a registry's clean-up
is told about it once.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from airgap.site.model import Endpoint, Site

__all__ = ["Place", "Places", "find_places"]

_WRITTEN = "image-factory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A repository, or with an empty `repository` what repositories begin with.

    Attributes:
        endpoint: The registry's `scheme://host[:port]`.
        ca: PEM of the authorities that its certificate is checked by; None: the machine's own.
    """

    endpoint: str
    namespace: str = ""
    repository: str = ""
    ca: str | None = None

    @property
    def registry(self) -> str:
        """The registry's `host[:port]`."""
        return urlsplit(self.endpoint).netloc

    @property
    def path(self) -> str:
        """Namespace and repository."""
        return "/".join(part for part in (self.namespace, self.repository) if part)

    @property
    def plain_http(self) -> bool:
        """Whether the registry speaks no TLS."""
        return urlsplit(self.endpoint).scheme == "http"

    def __str__(self) -> str:
        """Return the reference's name, `host[:port]/namespace/repository`."""
        return f"{self.registry}/{self.path}" if self.path else self.registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What a factory reads (`core`), and the three kinds of things it writes."""

    core: Place
    schematics: Place
    installers: Place
    cache: Place

    @property
    def written(self) -> tuple[Place, ...]:
        """The places a clean-up must spare, and a back-up is made of."""
        return (self.schematics, self.installers, self.cache)


def find_places(site: Site) -> Places:
    """Return the places of a site whose factory is deployed; it has a registry (checked)."""
    own = site.registry.endpoints[0]
    prefix = site.registry.path_prefix
    written, below = _written_to(site, own, prefix)

    def place(repository: str) -> Place:
        return Place(
            endpoint=written.url, namespace=below, repository=repository, ca=written.ca or None
        )

    return Places(
        core=Place(endpoint=own.url, namespace=prefix, ca=own.ca or None),
        schematics=place("schematics"),
        installers=place("installers"),
        cache=place("cache"),
    )


def _written_to(site: Site, own: Endpoint, prefix: str) -> tuple[Endpoint, str]:
    """Return the registry that a factory writes to, and the namespace there.

    A registry of its own has not the site's prefix; without a scheme it is reached by https, and
    without a CA it is trusted by the factory's.
    """
    asked = site.image_factory.registry
    if asked is None:
        return own, _joined(prefix, _WRITTEN)
    for endpoint in site.registry.endpoints:
        if urlsplit(endpoint.url).netloc.lower() == asked.host.lower():
            known = endpoint.model_copy(update={"ca": asked.ca}) if asked.ca else endpoint
            return known, _joined(prefix, _WRITTEN)
    url = asked.url if "://" in asked.url else f"https://{asked.url}"
    by_endpoint = site.image_factory.ca if url.startswith("https://") else None
    return Endpoint(url=url, ca=asked.ca or by_endpoint), _WRITTEN


def _joined(*parts: str) -> str:
    return "/".join(part for part in parts if part)
