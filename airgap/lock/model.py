"""The lock document `stacks/<site>.lock.json`, version 1: resolved fact, never a wish.

Maps are keyed by what a reviewer names (reference, `version/file`, schematic ID), one entry a
block, sorted: two branches that add different images merge without conflict. No mirror, TLS, path,
side or delivery is in it: an isolated site changes those without being online.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints
from pydantic.alias_generators import to_camel

__all__ = [
    "LOCK_VERSION",
    "SITE_IMAGES",
    "AssetPin",
    "ClassInputs",
    "FactoryOrigin",
    "ImagePin",
    "Inputs",
    "Lock",
    "Need",
    "PlatformPin",
    "SchematicPin",
]

LOCK_VERSION: Literal[1] = 1
SITE_IMAGES = "site images"
"""In `needed_by`: the image is named in the site's own `images`."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Sha512 = Annotated[str, StringConstraints(pattern=r"^sha512:[0-9a-f]{128}$")]
SchematicId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Size = Annotated[int, Field(ge=0)]
Need = Literal["talos", "kubernetes", "extensions", "factory", "sidero", "workloads", "signatures"]


class _Part(BaseModel):
    """A part of the lock: frozen, no unknown keys, camelCase in JSON."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )


class PlatformPin(_Part):
    """One platform's manifest inside an index; `size` is its config and layers in bytes."""

    digest: Sha256
    size: Size


class ImagePin(_Part):
    """An image by the digest its tag resolved to (an index's own digest where there is one).

    Attributes:
        size: Bytes of every distinct manifest and blob below the digest.
        platforms: Children of an index by `os/architecture[/variant]`; empty for a plain image.
        whole: The upstream index' digest, where only some of its platforms are carried.
        need: The set the image belongs to.
        needed_by: What pulls it in, for people: `talos v1.11.5`, `server class gpu`.
        signed_by: Signers that were verified, of an image that the site requires to be signed, or
            that its factory has to trust.
        signature: Of a manifest of signatures that `sign` made: the site's own, in base64. Then
            `whole` is upstream's manifest, whose signatures stay before it, and `signed_by` whose
            it is: all else follows from the image (`airgap.signature.own`).
    """

    digest: Sha256
    media_type: str
    size: Size
    platforms: dict[str, PlatformPin] = Field(default_factory=dict)
    whole: Sha256 | None = None
    need: Need
    needed_by: tuple[str, ...]
    signed_by: tuple[str, ...] = ()
    signature: str | None = None

    @property
    def upstream_digest(self) -> str:
        """What the tag had upstream."""
        return self.whole or self.digest


class FactoryOrigin(_Part):
    """What a boot asset that a factory made was made of, and by whom.

    Attributes:
        schematic: The schematic's ID.
        version: The factory's own release, as far as it says so.
        external_url: The URL the factory calls itself, which it writes into what it makes.
    """

    schematic: SchematicId
    version: str = ""
    external_url: str = ""

    @property
    def words(self) -> str:
        """Who made it, for people: `Image Factory v1.5.0 at https://factory.talos.dev`."""
        release = self.version or "of an unknown release"
        return f"Image Factory {release} at {self.external_url or 'an unknown URL'}"


class AssetPin(_Part):
    """A boot asset: `url` is its public origin, whatever redirect it was read through.

    `signed_by` is who signed the release's sums: `unsigned` where it has no signature that could
    be verified, empty where the site does not say who should have, and of the author's own files,
    whose `url` is `file:<path>`, the path as the site has it.

    What a factory made has `made_by`, and the key `<version>/<schematic ID>/<file>`. `text` is the
    content itself where the plan needs it: the kernel arguments of a `cmdline-*`.
    """

    sha256: Sha256
    sha512: Sha512
    size: Size
    url: str
    needed_by: tuple[str, ...]
    signed_by: str = ""
    made_by: FactoryOrigin | None = None
    text: str | None = None

    @property
    def is_own(self) -> bool:
        """Whether it is a file of the author's own, and of no release."""
        return self.url.startswith("file:")


class SchematicPin(_Part):
    """A schematic by ID: `canonical` is the exact text whose sha256 the ID is."""

    canonical: str
    classes: tuple[str, ...]


class ClassInputs(_Part):
    """What resolution takes from one server class."""

    talos: str
    extensions: tuple[str, ...] = ()
    extra_kernel_args: tuple[str, ...] = ()
    overlay: dict[str, JsonValue] | None = None
    meta: tuple[str, ...] | None = None  # "10=<value>"
    bootloader: str | None = None
    secure_boot: str | None = None  # "on[ <enrollKeys>][ wellKnownCertificates]"
    boot_assets: tuple[str, ...] | None = None


class Inputs(_Part):
    """The fingerprint: all that resolution depends on, in plain words.

    A lock fits a site when these are equal; otherwise the differing keys are printed. The site's
    own images are not here: they are the locked images needed by `SITE_IMAGES`, so that two
    branches which add different images change different lines.
    """

    talos: tuple[str, ...]
    kubernetes: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()  # those carried of an index; empty: all
    sidero: str
    components: dict[str, dict[str, str]] | None = None  # by release: in place of the table's
    management: dict[str, str] | None = None  # "clusterApi" -> "v1.10.4"
    image_factory: str = "none"  # kind, release, and what it is to hold
    upstream_factory: str | None = None  # its release, where no other decides on IDs
    environments: dict[str, str] = Field(default_factory=dict)  # name -> "v1.11.5/amd64"
    server_classes: dict[str, ClassInputs] = Field(default_factory=dict)


class Lock(_Part):
    """A site's lock, whole.

    `extensions` maps a Talos version to extension name to the reference with digest.
    `overlays` likewise. `schematics` maps an ID to its text; `assets` maps `<version>/<file>`, or
    `<version>/<schematic ID>/<file>`, to its pin.
    """

    lock_version: Literal[1] = LOCK_VERSION
    inputs: Inputs
    images: dict[str, ImagePin] = Field(default_factory=dict)
    assets: dict[str, AssetPin] = Field(default_factory=dict)
    extensions: dict[str, dict[str, str]] = Field(default_factory=dict)
    overlays: dict[str, dict[str, str]] | None = None
    schematics: dict[SchematicId, SchematicPin] = Field(default_factory=dict)
