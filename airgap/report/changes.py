"""All that differs between two scenes, by section."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from airgap.report.contents import (
    compare_assets,
    compare_images,
    compare_needs,
    compare_platforms,
    compare_schematics,
)
from airgap.report.model import (
    AssetChange,
    FileChange,
    ImageChange,
    KeyChange,
    Kind,
    Mark,
    NeedChange,
    ObjectChange,
    PlatformChange,
    SchematicChange,
    TrustChange,
    VersionChange,
)
from airgap.report.objects import compare_files, compare_objects, compare_trust, compare_versions
from airgap.report.scene import Scene
from airgap.report.site_keys import compare_sites
from airgap.report.weakening import find_weakened

__all__ = ["Changes", "find_changes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The changes from one scene to another."""

    base: Scene
    head: Scene
    versions: tuple[VersionChange, ...]
    images: tuple[ImageChange, ...]
    assets: tuple[AssetChange, ...]
    schematics: tuple[SchematicChange, ...]
    trust: tuple[TrustChange, ...]
    objects: tuple[ObjectChange, ...]
    files: tuple[FileChange, ...]
    needs: tuple[NeedChange, ...] = ()
    platforms: tuple[PlatformChange, ...] = ()
    weakened: tuple[str, ...] = ()
    site_keys: tuple[KeyChange, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there are none."""
        return not (
            self.versions
            or self.images
            or self.needs
            or self.platforms
            or self.assets
            or self.schematics
            or self.trust
            or self.objects
            or self.files
            or self.site_keys
        )

    def of_kind(self, *kinds: Kind) -> Iterator[ObjectChange]:
        """Yield the settings that change of some kinds of things."""
        return (change for change in self.objects if change.kind in kinds)

    def names(self, kind: Kind, *marks: Mark) -> tuple[str, ...]:
        """Return which things of a kind became so."""
        return tuple(
            name for change in self.of_kind(kind) if change.mark in marks for name in change.names
        )


def find_changes(base: Scene, head: Scene, more: Sequence[ObjectChange] = ()) -> Changes:
    """Return what differs; `more` is what the scenes cannot say."""
    found = Changes(
        base=base,
        head=head,
        versions=compare_versions(base, head),
        images=compare_images(base, head),
        needs=compare_needs(base, head),
        platforms=compare_platforms(base, head),
        assets=compare_assets(base, head),
        schematics=compare_schematics(base, head),
        trust=compare_trust(base, head),
        objects=(*compare_objects(base, head), *more),
        files=compare_files(base, head),
        weakened=find_weakened(base, head),
    )
    keys = compare_sites(base.site, head.site, found.images, is_alone=found.is_empty)
    return replace(found, site_keys=keys)
