"""The site's Image Factory, and what server classes have it make: schematics, by field.

Fields of a schematic are called and typed as siderolabs/image-factory v1.5.0 `pkg/schematic` has
them; what a release of the factory knows of them is `airgap.schematic`'s to say.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, JsonValue

from airgap.site.document import (
    CaFile,
    CaText,
    Document,
    Flag,
    Kept,
    Name,
    PublicKeyFile,
    PublicKeyText,
    SecretName,
    Text,
    Url,
    Version,
    as_source,
    example,
)

__all__ = [
    "Deployment",
    "FactoryRegistry",
    "ImageFactory",
    "MetaValue",
    "Overlay",
    "SecureBoot",
    "Verification",
]


class Verification(Document):
    """The key by which a factory trusts what it reads: the site's own (cosign's format).

    `python -m airgap sign` signs with its private half on the connected side.
    """

    public_key_file: PublicKeyFile | None = None
    """A PEM file of the public key, relative to the stack file."""
    public_key: PublicKeyText | None = None
    """The same inline, as PEM text."""


class Deployment(Document):
    """How a deployed factory runs (kind deployed); Secrets are named here and never written."""

    namespace: Annotated[Name, example("image-factory")] = "image-factory"
    """Its Kubernetes namespace."""
    signing_key_secret_ref: Annotated[SecretName, example("image-factory-signing-key")] = (
        "image-factory-signing-key"  # noqa: S105 - a Secret's name
    )
    """The Secret with the key that signs what the factory makes (cache-signing.key)."""
    tls_secret_ref: Annotated[SecretName, example("image-factory-tls")] | None = None
    """The Secret with its certificate and key (kubernetes.io/tls); without one it speaks http, and
    an https endpoint is somebody else's, such as an ingress."""
    registry_secret_ref: Annotated[SecretName, example("image-factory-registry")] | None = None
    """The Secret with the credentials it pushes with (kubernetes.io/dockerconfigjson)."""
    secure_boot_secret_ref: Annotated[SecretName, example("image-factory-secure-boot")] = (
        "image-factory-secure-boot"  # noqa: S105 - a Secret's name
    )
    """The Secret with the SecureBoot keys (secureBoot: true)."""
    max_concurrency: Annotated[int, Field(ge=1, le=64, strict=True)] = 6
    """How many assets it builds at a time."""
    service: Annotated[Literal["ClusterIP", "LoadBalancer"], Kept] = "ClusterIP"
    """How its Kubernetes Service is reached: ClusterIP from inside, such as by an ingress;
    LoadBalancer by an address of its own, at the endpoint's port."""
    scratch_size: Annotated[Text, example("40Gi")] = "40Gi"
    """How much of a node's disk its unpacked images and builds may take, as Kubernetes writes a
    quantity (Mi, Gi or Ti)."""


class FactoryRegistry(Document):
    """The registry that a factory writes to; `host:port` alone stands for its `url`."""

    url: Annotated[Text, example("http://registry.example:5000", "registry.example:5000")]
    """Its URL without a path, such as http://registry.example:5000. A host:port without a scheme is
    reached as the endpoint of the site's registry there, else by https."""
    ca_file: CaFile | None = None
    """A PEM file of its CA certificates, relative to the stack file; without one those of the
    site's registry there, or else of the factory's endpoint."""
    ca: CaText | None = None
    """The same inline, as PEM text."""

    @property
    def host(self) -> str:
        """Its `host[:port]`."""
        return self.url.rpartition("://")[2]


KeptAt = Annotated[
    FactoryRegistry, BeforeValidator(as_source, json_schema_input_type=str | FactoryRegistry)
]


class ImageFactory(Document):
    """The site's own Image Factory, where server classes need system extensions.

    `existing` runs inside already; `deployed` is configured and delivered by this project, as
    Kubernetes objects, as a compose file and as a systemd unit; with `none` what a factory makes
    comes from upstream's, ready-made (installer: mirrored, environments[].schematicOf).
    """

    kind: Annotated[Literal["none", "existing", "deployed"], Kept] = "none"
    """none; existing: one that runs inside; deployed: one that is delivered with the site."""
    version: Annotated[Version, example("v1.5.0")] | None = None
    """Its release, such as v1.5.0: it bounds what a schematic may hold."""
    endpoint: Annotated[Url, example("https://factory.example")] | None = None
    """Its URL as machines reach it, without a path: it is an image registry, too."""
    registry: Annotated[KeptAt, example("registry.example:5000")] | None = None
    """The registry that it keeps schematics and installers in: its host:port, or its url and CA; of
    a deployed one the site's own when left out."""
    ca_file: CaFile | None = None
    """A PEM file of CA certificates of the endpoint, relative to the stack file."""
    ca: CaText | None = None
    """The same inline, as PEM text."""
    installer: Annotated[Literal["builtOnSite", "mirrored"], Kept] | None = None
    """builtOnSite: the factory inside makes installer images when they are pulled (the default with
    a factory); mirrored: upstream's are pinned and carried."""
    catalogue: Annotated[Literal["needed", "all"], Kept] = "needed"
    """Which system extensions and overlays are carried: those that are named, or every one."""
    talosctl: Flag = False
    """Whether the factory can hand out talosctl (its image talosctl-all is carried)."""
    secure_boot: Flag = False
    """Whether it has SecureBoot keys."""
    verification: Verification | None = None
    """By whose signatures it trusts what it reads; without it a deployed one checks none, and the
    lock's digests are what is trusted."""
    deployment: Deployment = Deployment()
    """How a deployed one runs."""


class Overlay(Document):
    """A single-board computer's overlay."""

    name: Annotated[Text, example("rpi_generic")]
    """Its name in the catalogue of the Talos release, such as rpi_generic."""
    image: Annotated[Text, example("siderolabs/sbc-raspberrypi")]
    """Its image without registry and tag, such as siderolabs/sbc-raspberrypi."""
    options: dict[str, JsonValue] = Field(
        default_factory=dict, examples=[{"configTxt": "dtparam=audio=off"}]
    )
    """What the overlay's own installer understands."""


class MetaValue(Document):
    """A value of Talos' META partition, written into disk images and ISOs."""

    key: Annotated[int, Field(ge=0, le=255, strict=True)]
    """Its tag, such as 10 for the network configuration of the platform metal."""
    value: Annotated[str, example("addresses: [10.0.0.10/24]")]
    """Its text."""


class SecureBoot(Document):
    """SecureBoot: machines boot signed images only, and installers are of that kind."""

    enroll_keys: Annotated[Literal["off", "manual", "if-safe", "force"], Kept] | None = None
    """When the boot loader enrols the keys (factories from v1.4.0)."""
    include_well_known_certificates: Flag = False
    """Whether the vendors' certificates are enrolled as well."""
