"""The lock: everything a site needs, resolved to digests, as committed beside its stack file."""

from airgap.lock.factory import (
    factory_artifacts,
    factory_signatures,
    is_read_by_factory,
    signature_reason,
)
from airgap.lock.file import read_lock, write_lock
from airgap.lock.fingerprint import check_lock, fingerprint
from airgap.lock.keys import image_key, site_images
from airgap.lock.model import (
    SITE_IMAGES,
    AssetPin,
    ClassInputs,
    FactoryOrigin,
    ImagePin,
    Inputs,
    Lock,
    Need,
    PlatformPin,
    SchematicPin,
)
from airgap.lock.text import format_lock, parse_lock
from airgap.lock.workloads import Named, manifest_images

__all__ = [
    "SITE_IMAGES",
    "AssetPin",
    "ClassInputs",
    "FactoryOrigin",
    "ImagePin",
    "Inputs",
    "Lock",
    "Named",
    "Need",
    "PlatformPin",
    "SchematicPin",
    "check_lock",
    "factory_artifacts",
    "factory_signatures",
    "fingerprint",
    "format_lock",
    "image_key",
    "is_read_by_factory",
    "manifest_images",
    "parse_lock",
    "read_lock",
    "signature_reason",
    "site_images",
    "write_lock",
]
