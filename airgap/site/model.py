"""The site as its author writes it: the config value `sidero-airgap:site`, schema version 1.

Frozen and strict: an unknown key is a fault, and so is `"yes"` where a boolean stands. Paths
(`caFile`, `path`) are relative to the stack file; `airgap.site.load` reads the former and fills
`ca`, so that everything behind it works on values alone. What the schema knows but this release
does not do yet is refused as "planned" by `airgap.site.check`. The docstrings below are what an
editor shows: `airgap.site.schema` puts them into the JSON Schema.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PrivateAttr

from airgap.site.cache import CacheVolume, ImageCache
from airgap.site.document import (
    FORMS,
    LENIENT,
    Architecture,
    CaFile,
    CaText,
    Document,
    Flag,
    ImageText,
    Kept,
    KernelArgument,
    Link,
    Name,
    Prefix,
    SecretName,
    Text,
    Url,
    Version,
    as_source,
    example,
)
from airgap.site.factory import (
    Deployment,
    FactoryRegistry,
    ImageFactory,
    MetaValue,
    Overlay,
    SecureBoot,
    Verification,
)
from airgap.site.needs import (
    Components,
    ImagePaths,
    Kubernetes,
    Management,
    Manifest,
    ManifestSource,
    Talos,
)
from airgap.site.nodes import Discovery, Nodes
from airgap.site.policy import Policy, PolicyException
from airgap.site.signatures import Keyless, Requirement, Signatures, TrustRoot
from airgap.site.transfer import Limit, Transfer

__all__ = [
    "FORMS",
    "LENIENT",
    "Architecture",
    "AssetMirror",
    "CacheVolume",
    "Components",
    "Deployment",
    "Discovery",
    "Document",
    "Endpoint",
    "Environment",
    "FactoryRegistry",
    "ImageCache",
    "ImageFactory",
    "ImagePaths",
    "Keyless",
    "Kubernetes",
    "Limit",
    "Management",
    "Manifest",
    "MetaValue",
    "Mirror",
    "Nodes",
    "Overlay",
    "Policy",
    "PolicyException",
    "Registry",
    "Requirement",
    "Retention",
    "SecureBoot",
    "ServerClass",
    "Sidero",
    "Signatures",
    "Site",
    "Talos",
    "Transfer",
    "TrustRoot",
    "Upstream",
    "UpstreamFactory",
    "UpstreamSource",
    "Verification",
]


class Endpoint(Document):
    """A place by URL, and the certificate authority it is trusted by."""

    url: Annotated[Url, example("https://registry.example:5000")]
    """Where it is, such as https://registry.example:5000."""
    ca_file: CaFile | None = None
    """A PEM file of CA certificates, relative to the stack file."""
    ca: CaText | None = None
    """The same inline, as PEM text."""


class Mirror(Document):
    """An override for one upstream registry host, in the plan document's own terms."""

    endpoints: tuple[Annotated[Url, example("https://registry.example:5000/v2/ghcr.io")], ...] = ()
    """Where machines pull from, in order; the site's own registry when left out."""
    override_path: Flag | None = None
    """Whether the endpoints' paths are used as they are; else Talos appends /v2 to them."""
    skip_verify: Flag = False
    """Whether machines accept any certificate from these endpoints."""
    skip_fallback: Flag = True
    """Whether machines stop at these endpoints instead of asking the upstream registry last."""
    ca_cert: CaText | None = None
    """PEM of the CA of these endpoints (its base64 is understood as well)."""
    auth_secret_ref: Annotated[SecretName, example("registry-credentials")] | None = None
    """The Secret with the endpoint's credentials, in Sidero's namespace (flavour airgap)."""


class Registry(Document):
    """The site's registry.

    `embedded` is this project's read-only `serve` over the store; `existing` is written to at the
    first endpoint, the others are fail-over for the nodes; `none` is a site whose machines have
    their images from an image cache medium alone. `distribution` and `harbor` are planned.
    """

    kind: Annotated[
        Literal["embedded", "existing", "none", "distribution", "harbor"],
        Kept,
        Field(json_schema_extra={"enum": ["embedded", "existing", "none"]}),
    ]
    """embedded: the store, served; existing: one that images are pushed to; none: no registry."""
    endpoints: tuple[Endpoint, ...] = ()
    """Its URLs without a path; the first is written to, the others are fail-over."""
    path_prefix: Annotated[Prefix, example("team/mirror")] = ""
    """What stands before every repository, such as a Harbor project."""
    layout: Annotated[Literal["prefix", "flat"], Kept] = "prefix"
    """prefix keeps the upstream host as a path component; flat drops it."""
    mirrors: dict[str, Mirror] = Field(default_factory=dict)
    """Overrides of the computed mirrors, by upstream host or '*'."""
    node_auth: Annotated[Literal["none", "machineConfig"], Kept] = "none"
    """How machines get credentials: none (anonymous pull), or within their configuration."""
    overwrite: Flag = False
    """Whether a tag that exists with another digest may be moved."""


class AssetMirror(Document):
    """Where boot assets are served from: `serve`, or a directory of a web server."""

    kind: Annotated[Literal["embedded", "directory"], Kept]
    """embedded: the store served as it is; directory: files that a web server serves."""
    url: Annotated[Url, example("https://artifacts.example/talos")]
    """Where machines and Sidero fetch from, without a slash at the end."""
    path: Annotated[Text, example("/srv/artifacts/talos")] | None = None
    """The directory behind the URL (kind directory); relative to the stack file."""
    ca_file: CaFile | None = None
    """A PEM file of CA certificates, relative to the stack file."""
    ca: CaText | None = None
    """The same inline, as PEM text."""


class Sidero(Document):
    """Sidero Metal as deployed, and how its objects reach it."""

    version: Annotated[Version, example("v0.6.13")]
    """Its release, such as v0.6.13: it bounds the Talos releases it can configure."""
    flavour: Annotated[Literal["stock", "airgap"], Kept] = "stock"
    """stock: upstream's CRDs; airgap: the plan document's fork with its own fields."""
    namespace: Annotated[Name, example("sidero-system")] = "sidero-system"
    """Where its Secrets live."""
    delivery: Annotated[Literal["files", "cluster"], Kept] = "files"
    """files: YAML in out/<site>/; cluster: applied to a Kubernetes cluster."""
    asset_link: Link = "1Gbit/s"
    """The link between Sidero and the asset mirror: Sidero gives a download five minutes."""
    controller_trust: Annotated[Literal["managed", "external"], Kept] | None = None
    """How Sidero trusts a private CA of the asset mirror: managed emits a ConfigMap and a patch of
    its Deployment, external says that somebody else sees to it."""


class Environment(Document):
    """A Sidero Environment: the kernel, initramfs and arguments that machines PXE-boot."""

    name: Annotated[Name, example("talos-1-11-5-amd64")]
    """The object's name."""
    talos: Annotated[Version, example("v1.11.5")]
    """One of talos.versions."""
    architecture: Architecture = "amd64"
    """One of architectures."""
    extra_kernel_args: tuple[Annotated[KernelArgument, example("console=ttyS1")], ...] = ()
    """Kernel arguments beyond the release's own, one an item."""
    schematic_of: Annotated[Name, example("gpu-servers")] | None = None
    """A server class: its machines boot what a factory makes of that class' schematic when the site
    is locked, in place of the release's kernel and initramfs."""
    boot_asset: Annotated[Text, example("metal-amd64.raw.zst")] | None = None
    """A disk image or ISO of the release, such as metal-amd64.raw.zst (flavour airgap); with
    schematicOf the factory's."""
    boot_asset_file: Annotated[Text, example("../out/metal-amd64.raw.zst")] | None = None
    """A file to publish under that name, such as an imager's result; relative to the stack file."""


class ServerClass(Document):
    """A Sidero ServerClass: which machines, what they boot, what their installer contains.

    Qualifiers and selector are passed on as the CRD of Sidero v0.6.13 has them.
    """

    name: Annotated[Name, example("gpu-servers")]
    """The object's name."""
    environment: Annotated[Name, example("talos-1-11-5-amd64")]
    """The environment its machines boot."""
    extensions: tuple[Annotated[str, example("siderolabs/iscsi-tools")], ...] = ()
    """System extensions such as siderolabs/iscsi-tools; their order is part of the schematic."""
    extra_kernel_args: tuple[Annotated[KernelArgument, example("net.ifnames=0")], ...] = ()
    """Kernel arguments of the installed system, one an item: a part of the schematic."""
    overlay: Overlay | None = None
    """A single-board computer's overlay: a part of the schematic."""
    meta: tuple[MetaValue, ...] = ()
    """Values of the META partition: a part of the schematic."""
    bootloader: Annotated[Literal["dual-boot", "sd-boot", "grub"], Kept] | None = None
    """The boot loader of disk images: a part of the schematic (factories from v0.9.0)."""
    secure_boot: SecureBoot | None = None
    """SecureBoot: a part of the schematic, and another kind of installer."""
    boot_assets: tuple[Annotated[str, example("metal-amd64.iso")], ...] = ()
    """Further files that a factory makes of the schematic when the site is locked, such as
    metal-amd64.iso: they lie on the asset mirror."""
    qualifiers: dict[str, object] = Field(
        default_factory=dict,
        examples=[{"hardware": [{"system": {"manufacturer": "Dell Inc."}}]}],
    )
    """Which hardware, by spec.qualifiers of ServerClass v1alpha2."""
    selector: dict[str, object] = Field(
        default_factory=dict, examples=[{"matchLabels": {"rack": "berlin-1"}}]
    )
    """Which servers, by their labels."""


class UpstreamSource(Endpoint):
    """A redirect of something upstream, such as a pull-through cache.

    For a registry host the URL's path is a repository prefix: `https://cache.example/ghcr.io`
    reads `ghcr.io/siderolabs/kubelet` at `cache.example/ghcr.io/siderolabs/kubelet`.
    """


class UpstreamFactory(UpstreamSource):
    """The Image Factory that `lock` asks."""

    version: Annotated[Version, example("v1.5.0")] | None = None
    """Its release, such as v1.5.0: IDs of unusual schematics depend on it."""
    same_secure_boot_keys: Flag = False
    """Whether it signs for SecureBoot with the keys of the site's own factory."""


Source = Annotated[
    UpstreamSource, BeforeValidator(as_source, json_schema_input_type=str | UpstreamSource)
]

FactorySource = Annotated[
    UpstreamFactory, BeforeValidator(as_source, json_schema_input_type=str | UpstreamFactory)
]


class Upstream(Document):
    """Where `lock` and `fetch` read from when it is not the public place."""

    registries: dict[str, Source] = Field(
        default_factory=dict, examples=[{"ghcr.io": "https://cache.example/ghcr.io"}]
    )
    """Redirects by registry host, such as ghcr.io."""
    releases: Annotated[Source, example("https://cache.example/talos/releases/download")] | None = (
        None
    )
    """In place of https://github.com/siderolabs/talos/releases/download."""
    factory: Annotated[FactorySource, example("https://factory.talos.dev")] | None = None
    """In place of https://factory.talos.dev, which makes boot assets and installers for `lock`."""


class Retention(Document):
    """How many earlier locks keep their items from `prune`, and what destroy does."""

    keep_locks: Annotated[int, Field(ge=0, le=100, strict=True)] = 3
    """How many earlier locks `prune` keeps the items of."""
    on_delete: Annotated[Literal["retain", "delete"], Kept] = "retain"
    """What destroy does with what was published."""


class Site(Document):
    """One air-gapped site, whole."""

    schema_version: Literal[1]
    """The form of this document."""
    talos: Talos
    """Talos releases."""
    kubernetes: Kubernetes = Kubernetes()
    """Kubernetes releases."""
    architectures: Annotated[tuple[Architecture, ...], Field(min_length=1)] = ("amd64",)
    """The processors of the site's machines."""
    images: tuple[Annotated[ImageText, example("docker.io/library/nginx:1.27.3")], ...] = ()
    """What workloads need beyond Talos and Kubernetes, such as docker.io/library/nginx:1.27.3."""
    manifests: tuple[Annotated[ManifestSource, example("manifests/shop.yaml")], ...] = ()
    """Kubernetes manifests to take images from."""
    image_paths: tuple[ImagePaths, ...] = ()
    """Where further custom resources name images."""
    registry: Registry
    """The site's registry."""
    asset_mirror: AssetMirror
    """Where boot assets are served from."""
    image_factory: ImageFactory = ImageFactory()
    """The site's Image Factory."""
    image_cache: ImageCache = ImageCache()
    """Image cache media."""
    sidero: Sidero
    """Sidero Metal."""
    management: Management = Management()
    """What runs in the management cluster beside Sidero."""
    environments: tuple[Environment, ...] = ()
    """What machines boot."""
    server_classes: tuple[ServerClass, ...] = ()
    """Which machines boot what, and what is installed on them."""
    nodes: Nodes = Nodes()
    """What machines need to know of the site's network."""
    upstream: Upstream = Upstream()
    """Redirects of what is upstream."""
    signatures: Signatures = Signatures()
    """What is carried of signatures, and what must be signed by whom."""
    transfer: Transfer = Transfer()
    """How bytes are moved."""
    retention: Retention = Retention()
    """What is kept."""
    policy: Policy = Policy()
    """What the rules allow."""

    _translations: tuple[str, ...] = PrivateAttr(())

    @property
    def translations(self) -> tuple[str, ...]:
        """What of the author's text is read as something else, a sentence each."""
        return self._translations

    def read_as(self, translations: tuple[str, ...]) -> Site:
        """Return the site with the sentences of its translation."""
        site = self.model_copy()
        site._translations = translations  # noqa: SLF001 - its own
        return site
