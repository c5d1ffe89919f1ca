"""Who sees to it that Sidero's manager trusts the asset mirror.

It downloads kernel and initramfs with the trust of its own container, which holds public
authorities only: with a private one, every Environment would stay unready, and the reason in a log.
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.errors import Fault
from airgap.site.check.subject import Known, checks, fault
from airgap.site.model import Site

__all__ = ["CHECKS"]

_AT = ("sidero", "controllerTrust")


def _check_trust(site: Site, _: Known) -> Iterator[Fault]:
    mirror, trust = site.asset_mirror, site.sidero.controller_trust
    if mirror.url.startswith("http://"):
        return  # there is nothing to trust, and a CA is a fault of its own
    if (mirror.ca_file or mirror.ca) and trust is None:
        message = "missing: the asset mirror has a CA of its own, which Sidero does not trust"
        hint = "managed: a ConfigMap and a patch of Sidero's Deployment; external: somebody else"
        yield fault(_AT, message, f"{hint} sees to it")
    elif trust == "managed" and not (mirror.ca_file or mirror.ca):
        message = "there is no CA to trust: the asset mirror has none"
        yield fault(_AT, message, "give assetMirror.caFile, or leave it out")


CHECKS = checks((_check_trust, "sidero asset_mirror"))
