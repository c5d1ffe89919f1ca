"""The Image Factory's HTTP API: register schematics, read them back, list what it can build."""

from airgap.factory.client import FactoryClient, OfficialExtension

__all__ = ["FactoryClient", "OfficialExtension"]
