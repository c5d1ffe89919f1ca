"""Talos' default kernel arguments (machinery `kernel.DefaultArgs`); what Sidero adds to them."""

from __future__ import annotations

__all__ = ["DEFAULT_ARGS", "SIDERO_ARGS"]

DEFAULT_ARGS = (
    "init_on_alloc=1",
    "slab_nomerge=",
    "pti=on",
    "consoleblank=0",
    "nvme_core.io_timeout=4294967295",
    "printk.devkmsg=on",
    "selinux=1",
    "module.sig_enforce=1",
    "proc_mem.force_override=never",
)
SIDERO_ARGS = tuple(
    sorted(
        (
            *DEFAULT_ARGS,
            *("console=tty0", "console=ttyS0", "earlyprintk=ttyS0"),
            *("initrd=initramfs.xz", "talos.platform=metal"),
        )
    )
)
"""Sidero's `EnvironmentDefaultSpec`: sorted."""
