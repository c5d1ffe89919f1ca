"""The document `receipt.json`, version 1: what a site holds of its lock, and nothing secret.

No address, user or credential is in it: names of images and boot assets, digests, a time. Equal
content and time make equal bytes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

__all__ = ["RECEIPT_VERSION", "Altered", "HeldAsset", "HeldImage", "Receipt"]

RECEIPT_VERSION: Literal[1] = 1

Sha256 = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Sha512 = Annotated[str, StringConstraints(pattern=r"^sha512:[0-9a-f]{128}$")]
Time = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]


class _Part(BaseModel):
    """A part of the receipt: frozen, no unknown keys, camelCase in JSON."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )


class HeldImage(_Part):
    """An image that the registry has, by the digest it answered with."""

    digest: Sha256


class HeldAsset(_Part):
    """A boot asset that the mirror has, as the lock has it."""

    sha256: Sha256
    sha512: Sha512


class Altered(_Part):
    """What is not there, or not whole: `missing`, `truncated to 12 bytes`, another digest."""

    fault: str


class Receipt(_Part):
    """What a site held at a time.

    Attributes:
        site: Its name.
        lock: The sha256 of the lock file that was asked for.
        made_at: When, in UTC.
        tool: This project's release.
        checked: How boot assets were: hashed now (full), or trusted where nothing about a file
            changed since it was (quick). Registries answer with a manifest's digest in either case.
        images: By `registry/repository:tag`, or `…@digest` where there is no tag.
        factory_images: Those that an Image Factory reads, where they lie a second time for it.
        assets: By `<version>/<file>`.
    """

    receipt_version: Literal[1] = RECEIPT_VERSION
    site: str
    lock: Sha256
    made_at: Time
    tool: str
    checked: Literal["quick", "full"]
    images: dict[str, HeldImage | Altered] = Field(default_factory=dict)
    factory_images: dict[str, HeldImage | Altered] = Field(default_factory=dict)
    assets: dict[str, HeldAsset | Altered] = Field(default_factory=dict)

    @property
    def absent(self) -> int:
        """How many of the lock's items are not there, or not whole."""
        every = (*self.images.values(), *self.factory_images.values(), *self.assets.values())
        return sum(isinstance(item, Altered) for item in every)
