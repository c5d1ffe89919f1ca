"""Factories of example sites, for tests of how they are run."""

from __future__ import annotations

from collections.abc import Mapping

from airgap.deployment import FactoryDeployment, deployed_factory, factory_image
from airgap.site.model import Site
from tests.plan.samples import make_lock, make_site

__all__ = ["CA", "SIGNER", "deployed_site", "factory"]

CA = "-----BEGIN CERTIFICATE-----\nc2l0ZSBDQQ==\n-----END CERTIFICATE-----\n"
SIGNER = "-----BEGIN PUBLIC KEY-----\nc2lnbmVy\n-----END PUBLIC KEY-----\n"

_OWN: Mapping[str, object] = {
    "kind": "existing",
    "endpoints": [{"url": "https://r.example:5000", "ca": CA}],
}


def deployed_site(version: str, registry: Mapping[str, object] = _OWN, /, **wish: object) -> Site:
    """Return a site that deploys a factory of this release; `wish` is of imageFactory."""
    place = {"kind": "deployed", "version": version, "endpoint": "https://factory.example"}
    return make_site(registry=registry, imageFactory={**place, **wish})


def factory(
    version: str, registry: Mapping[str, object] = _OWN, /, **wish: object
) -> FactoryDeployment:
    """Return the factory of such a site."""
    site = deployed_site(version, registry, **wish)
    lock = make_lock(images={f"ghcr.io/siderolabs/image-factory:{version}": "factory"})
    return deployed_factory(site, image=factory_image(site, lock))
