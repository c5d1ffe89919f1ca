"""The Image Factory's HTTP API: register schematics, list what it can build, get what it built."""

from airgap.factory.asset import AssetTransfer
from airgap.factory.catalogue import OfficialExtension, OfficialOverlay
from airgap.factory.client import BUILD_S, FactoryClient
from airgap.factory.identity import OtherIdError

__all__ = [
    "BUILD_S",
    "AssetTransfer",
    "FactoryClient",
    "OfficialExtension",
    "OfficialOverlay",
    "OtherIdError",
]
