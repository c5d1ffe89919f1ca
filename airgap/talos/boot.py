"""Boot assets of a Talos release, and the kernel arguments a machine boots with.

Names: the release's assets on GitHub, v1.9 to v1.13. Arguments: `kernel.DefaultArgs` of
github.com/siderolabs/talos/pkg/machinery with the quirks of each minor; Sidero's own:
`EnvironmentDefaultSpec` of siderolabs/sidero v0.6.13.
"""

from __future__ import annotations

from collections.abc import Sequence

from airgap.talos.releases import minor_of

__all__ = [
    "CHECKSUMS",
    "RELEASES_URL",
    "SIDERO_KERNEL_ARGS",
    "asset_names",
    "asset_url",
    "default_kernel_args",
    "environment_kernel_args",
    "initramfs_name",
    "kernel_name",
]

CHECKSUMS = "sha512sum.txt"
"""The release's own sums, in coreutils' format: `<hex>␠␠<name>`."""

RELEASES_URL = "https://github.com/siderolabs/talos/releases/download"

SIDERO_KERNEL_ARGS = (
    "console=tty0",
    "console=ttyS0",
    "earlyprintk=ttyS0",
    "initrd=initramfs.xz",
    "talos.platform=metal",
)
"""What Sidero needs on every command line it serves; it adds talos.config and its links itself."""

_ALWAYS = (
    "init_on_alloc=1",
    "slab_nomerge=",
    "pti=on",
    "consoleblank=0",
    "nvme_core.io_timeout=4294967295",
    "printk.devkmsg=on",
)
_UNTIL_1_10 = ("ima_template=ima-ng", "ima_appraise=fix", "ima_hash=sha512")
_SINCE = (
    ((1, 10), "selinux=1"),
    ((1, 12), "module.sig_enforce=1"),
    ((1, 13), "proc_mem.force_override=never"),
)


def kernel_name(architecture: str) -> str:
    """Return the kernel's file name (`vmlinuz-amd64`)."""
    return f"vmlinuz-{architecture}"


def initramfs_name(architecture: str) -> str:
    """Return the initramfs's file name (`initramfs-amd64.xz`)."""
    return f"initramfs-{architecture}.xz"


def asset_names(architecture: str) -> tuple[str, str]:
    """Return what a PXE boot needs: kernel and initramfs."""
    return kernel_name(architecture), initramfs_name(architecture)


def asset_url(talos: str, name: str) -> str:
    """Return the public origin of a release's asset."""
    return f"{RELEASES_URL}/{talos}/{name}"


def default_kernel_args(talos: str) -> tuple[str, ...]:
    """Return Talos' own kernel arguments, in its order; for a newer minor, the newest known."""
    minor = minor_of(talos)
    ima = _UNTIL_1_10 if minor <= (1, 10) else ()
    return (*_ALWAYS, *ima, *(argument for since, argument in _SINCE if minor >= since))


def environment_kernel_args(talos: str, extra: Sequence[str] = ()) -> tuple[str, ...]:
    """Return an Environment's arguments: Talos' and Sidero's sorted, as Sidero writes its own.

    The author's extra arguments follow in their order, so that the last of a name wins.
    """
    return (*sorted((*default_kernel_args(talos), *SIDERO_KERNEL_ARGS)), *extra)
