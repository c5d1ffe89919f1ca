"""A lock of just what a site needs, its digests made from names: nobody is asked."""

from __future__ import annotations

from airgap.lock import Lock, fingerprint
from airgap.lock.model import AssetPin
from airgap.resolve import find_assets, find_images, find_schematics
from airgap.resolve.factory_wants import find_factory_assets
from airgap.site.model import Site
from tests.plan.samples import asset_pin, image_pin, made_assets

__all__ = ["lock_over_names"]

CMDLINE = "talos.platform=metal console=tty0"
"""What stands for the kernel arguments that a factory makes."""


def lock_over_names(site: Site) -> Lock:
    """Return a lock that fits the site."""
    made: dict[str, AssetPin] = {}
    for want in find_factory_assets(site).values():
        asset = want.asset
        made |= made_assets(asset.talos, asset.schematic, asset.name, text=CMDLINE)
    images = find_images(site)
    return Lock(
        inputs=fingerprint(site),
        images={key: image_pin(key, want.need, *want.needed_by) for key, want in images.items()},
        assets={**{key: asset_pin(key) for key in find_assets(site)}, **made},
        schematics=find_schematics(site),
    )
