"""The content store, an OCI image layout on disk, and publishing from it.

Reads and writes the disk; no network, no Pulumi.
"""

from airgap.store.assets import (
    BOOT_ASSET,
    CHECKSUMS,
    StoredAsset,
    content_path,
    render_checksums,
    split_key,
)
from airgap.store.collect import Collected
from airgap.store.hashing import FileDigests, hash_file
from airgap.store.inventory import Inventory, Listed
from airgap.store.publish import make_served, publish_bytes, publish_file
from airgap.store.reception import Reception
from airgap.store.store import Store
from airgap.store.verify import Checked, Damage

__all__ = [
    "BOOT_ASSET",
    "CHECKSUMS",
    "Checked",
    "Collected",
    "Damage",
    "FileDigests",
    "Inventory",
    "Listed",
    "Reception",
    "Store",
    "StoredAsset",
    "content_path",
    "hash_file",
    "make_served",
    "publish_bytes",
    "publish_file",
    "render_checksums",
    "split_key",
]
