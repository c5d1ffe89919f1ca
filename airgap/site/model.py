"""The site as its author writes it: the config value `sidero-airgap:site`, schema version 1.

Frozen and strict: an unknown key is a fault. Paths (`caFile`) are relative to the stack file; the
loader reads them and fills `ca`, so that everything behind it works on values alone. What the
schema knows but this release does not do yet is refused as "planned" by `airgap.site.check`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

__all__ = [
    "Architecture",
    "AssetMirror",
    "Discovery",
    "Document",
    "Endpoint",
    "Environment",
    "ImageCache",
    "ImageFactory",
    "Kubernetes",
    "Mirror",
    "Nodes",
    "Policy",
    "PolicyException",
    "Registry",
    "Retention",
    "ServerClass",
    "Sidero",
    "Site",
    "Talos",
    "Transfer",
    "Upstream",
    "UpstreamSource",
]

Architecture = Literal["amd64", "arm64"]
Version = Annotated[str, StringConstraints(pattern=r"^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$")]
Name = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")
]  # a Kubernetes object's name, RFC 1123 subdomain
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")]


class Document(BaseModel):
    """A part of the site: frozen, no unknown keys, camelCase in YAML."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, strict=False
    )


class Talos(Document):
    """The Talos releases the site's machines may run."""

    versions: Annotated[tuple[Version, ...], Field(min_length=1)]


class Kubernetes(Document):
    """The Kubernetes releases the site's clusters may run."""

    versions: tuple[Version, ...] = ()


class Endpoint(Document):
    """A place by URL; `ca` is PEM, written inline or read from `caFile` by the loader."""

    url: Url
    ca_file: str | None = None
    ca: str | None = None


class Mirror(Document):
    """An override for one upstream registry host, in the plan document's own terms."""

    endpoints: tuple[Url, ...] = ()
    override_path: bool | None = None
    skip_verify: bool = False
    skip_fallback: bool = True
    ca_cert: str | None = None
    auth_secret_ref: str | None = None


class Registry(Document):
    """The site's registry.

    `embedded` is this project's read-only `serve` over the store; `existing` is written to at the
    first endpoint, the others are fail-over for the nodes.
    """

    kind: Literal["embedded", "existing", "distribution", "harbor"]
    endpoints: Annotated[tuple[Endpoint, ...], Field(min_length=1)]
    path_prefix: Annotated[str, StringConstraints(pattern=r"^([a-z0-9._-]+(/[a-z0-9._-]+)*)?$")] = (
        ""
    )
    layout: Literal["prefix", "flat"] = "prefix"
    mirrors: dict[str, Mirror] = Field(default_factory=dict)
    node_auth: Literal["none", "machineConfig"] = "none"
    overwrite: bool = False


class AssetMirror(Document):
    """Where boot assets are served from: `serve`, or a directory of a web server."""

    kind: Literal["embedded", "directory"]
    url: Url
    path: str | None = None
    ca_file: str | None = None
    ca: str | None = None


class ImageFactory(Document):
    """The site's own Image Factory; `registry` is where it keeps schematics and installers."""

    kind: Literal["none", "existing", "deployed"] = "none"
    version: Version | None = None
    endpoint: Url | None = None
    registry: str | None = None
    ca_file: str | None = None
    ca: str | None = None


class ImageCache(Document):
    """Whether machines look for an image cache medium (Talos' `imageCache.localEnabled`)."""

    enabled: bool = False


class Sidero(Document):
    """Sidero Metal as deployed, and how its objects reach it."""

    version: Version
    flavour: Literal["stock", "airgap"] = "stock"
    namespace: Name = "sidero-system"
    delivery: Literal["files", "cluster"] = "files"
    asset_link: Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?(M|G)bit/s$")] = (
        "1Gbit/s"
    )


class Environment(Document):
    """A Sidero Environment: the kernel, initramfs and arguments that machines PXE-boot."""

    name: Name
    talos: Version
    architecture: Architecture = "amd64"
    extra_kernel_args: tuple[str, ...] = ()


class ServerClass(Document):
    """A Sidero ServerClass: which machines, what they boot, what their installer contains.

    Qualifiers and selector are passed on as the CRD of Sidero v0.6.13 has them.
    """

    name: Name
    environment: Name
    extensions: tuple[str, ...] = ()
    extra_kernel_args: tuple[str, ...] = ()
    qualifiers: dict[str, object] = Field(default_factory=dict)
    selector: dict[str, object] = Field(default_factory=dict)


class Discovery(Document):
    """Talos' discovery service: on the internet unless an in-site endpoint is given."""

    enabled: bool = False
    endpoint: Url | None = None


class Nodes(Document):
    """What machines need to know of the site's network."""

    time_servers: tuple[str, ...] = ()
    nameservers: tuple[str, ...] = ()
    extra_hosts: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    discovery: Discovery = Discovery()


class UpstreamSource(Endpoint):
    """A redirect of something upstream, such as a pull-through cache.

    For a registry host the URL's path is a repository prefix: `https://cache.example/ghcr.io`
    reads `ghcr.io/siderolabs/kubelet` at `cache.example/ghcr.io/siderolabs/kubelet`.
    """


def _as_source(value: object) -> object:
    """Accept a bare URL where a source is expected."""
    return {"url": value} if isinstance(value, str) else value


Source = Annotated[UpstreamSource, BeforeValidator(_as_source)]


class Upstream(Document):
    """Where `lock` and `fetch` read from when it is not the public place."""

    registries: dict[str, Source] = Field(default_factory=dict)
    releases: Source | None = None
    factory: Source | None = None


class Transfer(Document):
    """Limits on transfers (planned)."""

    limits: tuple[str, ...] = ()


class Retention(Document):
    """How many earlier locks keep their items from `prune`, and what destroy does."""

    keep_locks: Annotated[int, Field(ge=0, le=100)] = 3
    on_delete: Literal["retain", "delete"] = "retain"


class PolicyException(Document):
    """A rule's justified exception: for one subject, with a reason, an owner and an end."""

    rule: str
    subject: str
    reason: Annotated[str, StringConstraints(min_length=1)]
    owner: Annotated[str, StringConstraints(min_length=1)]
    expires: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class Policy(Document):
    """What the rules allow here beyond their defaults."""

    allowed_hosts: tuple[str, ...] = ()
    exceptions: tuple[PolicyException, ...] = ()


class Site(Document):
    """One air-gapped site, whole."""

    schema_version: Literal[1]
    talos: Talos
    kubernetes: Kubernetes = Kubernetes()
    architectures: Annotated[tuple[Architecture, ...], Field(min_length=1)] = ("amd64",)
    images: tuple[str, ...] = ()
    manifests: tuple[str, ...] = ()
    registry: Registry
    asset_mirror: AssetMirror
    image_factory: ImageFactory = ImageFactory()
    image_cache: ImageCache = ImageCache()
    sidero: Sidero
    environments: tuple[Environment, ...] = ()
    server_classes: tuple[ServerClass, ...] = ()
    nodes: Nodes = Nodes()
    upstream: Upstream = Upstream()
    transfer: Transfer = Transfer()
    retention: Retention = Retention()
    policy: Policy = Policy()
