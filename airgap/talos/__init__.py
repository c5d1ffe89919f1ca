"""What is known of Talos and Sidero releases: versions, images, boot assets, configuration forms.

Pure tables with their sources; never a network, never a disk.
"""

from airgap.talos.arguments import made_kernel_args, split_arguments
from airgap.talos.boot import (
    CHECKSUMS,
    SIDERO_KERNEL_ARGS,
    asset_names,
    asset_url,
    default_kernel_args,
    environment_kernel_args,
    initramfs_name,
    kernel_name,
)
from airgap.talos.config import Dialect, config_dialect, sidero_machinery
from airgap.talos.factory import (
    FACTORY_HOST,
    FACTORY_URL,
    FactoryAsset,
    cmdline_name,
    factory_asset_key,
    factory_asset_url,
    factory_kernel_name,
    parse_factory_url,
)
from airgap.talos.images import (
    catalogue_image,
    factory_image,
    factory_images,
    factory_installer,
    images,
    installer_image,
    kubernetes_images,
    overlay_catalogue_image,
    sidero_images,
    talos_images,
    talosctl_image,
)
from airgap.talos.management import PARTS, Part, management_images
from airgap.talos.releases import RELEASES, Release, find_release, minor_of, version_key
from airgap.talos.stated import Components, release_for

__all__ = [
    "CHECKSUMS",
    "FACTORY_HOST",
    "FACTORY_URL",
    "PARTS",
    "RELEASES",
    "SIDERO_KERNEL_ARGS",
    "Components",
    "Dialect",
    "FactoryAsset",
    "Part",
    "Release",
    "asset_names",
    "asset_url",
    "catalogue_image",
    "cmdline_name",
    "config_dialect",
    "default_kernel_args",
    "environment_kernel_args",
    "factory_asset_key",
    "factory_asset_url",
    "factory_image",
    "factory_images",
    "factory_installer",
    "factory_kernel_name",
    "find_release",
    "images",
    "initramfs_name",
    "installer_image",
    "kernel_name",
    "kubernetes_images",
    "made_kernel_args",
    "management_images",
    "minor_of",
    "overlay_catalogue_image",
    "parse_factory_url",
    "release_for",
    "sidero_images",
    "sidero_machinery",
    "split_arguments",
    "talos_images",
    "talosctl_image",
    "version_key",
]
