"""SecureBoot keys: what a machine enrols and what it installs are signed with the same ones.

Each factory has keys of its own. Firmware that has enrolled one factory's from an ISO does not
start the system that the other's installer has written.
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.errors import Fault
from airgap.schematic import read_output
from airgap.site.check.making import asks_own_factory
from airgap.site.check.subject import Known, checks, fault
from airgap.site.model import Site
from airgap.site.path import Step

__all__ = ["CHECKS", "mixed_key_faults"]


def mixed_key_faults(site: Site) -> Iterator[Fault]:
    """Yield a fault for each file with another factory's keys than the installers beside it."""
    factory, asked = site.image_factory, site.upstream.factory
    if factory.kind == "none" or factory.installer == "mirrored" or asks_own_factory(site):
        return
    if asked is not None and asked.same_secure_boot_keys:
        return
    for at, name in _files(site):
        output = read_output(name)
        if output is not None and output.secure_boot:
            yield fault(
                at,
                f"{name} is signed with the keys of the factory that lock asks, and installers "
                "with those of the site's own: machines would not start what they install",
                "have one factory make both (imageFactory.installer: mirrored, or "
                f"upstream.factory: {factory.endpoint or 'the same'}); where both have the "
                "same keys, say upstream.factory.sameSecureBootKeys: true",
            )


def _files(site: Site) -> Iterator[tuple[tuple[Step, ...], str]]:
    """Yield what the factory that `lock` asks makes for machines to boot, by its place."""
    for index, item in enumerate(site.server_classes):
        for number, name in enumerate(item.boot_assets if item.secure_boot else ()):
            yield ("serverClasses", index, "bootAssets", number), name
    for index, environment in enumerate(site.environments):
        if environment.schematic_of is not None and environment.boot_asset is not None:
            yield ("environments", index, "bootAsset"), environment.boot_asset


def _check_keys(site: Site, _: Known) -> Iterator[Fault]:
    yield from mixed_key_faults(site)


CHECKS = checks((_check_keys, "environments server_classes image_factory upstream"))
