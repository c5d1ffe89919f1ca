"""Kernel arguments, asset names and configuration forms by version."""

from __future__ import annotations

import pytest

from airgap.errors import SiteError
from airgap.talos import (
    asset_names,
    asset_url,
    config_dialect,
    default_kernel_args,
    environment_kernel_args,
    sidero_machinery,
)

# `kernel.DefaultArgs` of github.com/siderolabs/talos/pkg/machinery with each version's quirks
COMMON = (
    "init_on_alloc=1 slab_nomerge= pti=on consoleblank=0 nvme_core.io_timeout=4294967295 "
    "printk.devkmsg=on"
)
IMA = "ima_template=ima-ng ima_appraise=fix ima_hash=sha512"
DEFAULTS = {
    "v1.9.6": f"{COMMON} {IMA}",
    "v1.10.9": f"{COMMON} {IMA} selinux=1",
    "v1.11.5": f"{COMMON} selinux=1",
    "v1.12.11": f"{COMMON} selinux=1 module.sig_enforce=1",
    "v1.13.9": f"{COMMON} selinux=1 module.sig_enforce=1 proc_mem.force_override=never",
}


@pytest.mark.parametrize(("talos", "arguments"), DEFAULTS.items())
def test_default_arguments_are_the_machinerys(talos: str, arguments: str) -> None:
    assert " ".join(default_kernel_args(talos)) == arguments


def test_an_environment_keeps_sideros_arguments_and_adds_the_authors_last() -> None:
    # siderolabs/sidero v0.6.13 EnvironmentDefaultSpec: sorted(defaults + these five)
    sidero = {"console=tty0", "console=ttyS0", "earlyprintk=ttyS0", "initrd=initramfs.xz"}
    arguments = environment_kernel_args("v1.11.5", ["vga=791", "console=ttyS1"])
    assert arguments[-2:] == ("vga=791", "console=ttyS1")
    assert sorted(arguments[:-2]) == list(arguments[:-2])
    assert sidero | {"talos.platform=metal", "selinux=1"} <= set(arguments)


def test_asset_names_are_the_releases() -> None:  # siderolabs/talos v1.11.5 .github/workflows
    assert asset_names("arm64") == ("vmlinuz-arm64", "initramfs-arm64.xz")
    assert asset_url("v1.11.5", "vmlinuz-amd64") == (
        "https://github.com/siderolabs/talos/releases/download/v1.11.5/vmlinuz-amd64"
    )


@pytest.mark.parametrize(
    ("talos", "sidero", "dialect"),
    [
        ("v1.11.6", None, "v1alpha1"),
        ("v1.12.0", None, "documents"),
        ("v1.12.0", "v0.6.12", "documents"),
        ("v1.12.0", "v0.6.11", "v1alpha1"),
        ("v1.11.5", "v0.6.13", "v1alpha1"),
    ],
)
def test_nothing_newer_than_sideros_machinery_is_emitted(
    talos: str, sidero: str | None, dialect: str
) -> None:
    assert config_dialect(talos, sidero=sidero) == dialect


def test_an_unknown_sidero_names_the_nearest_rows() -> None:
    assert sidero_machinery("v0.6.13") == "v1.13.0"  # Makefile TALOS_RELEASE at that tag
    with pytest.raises(SiteError, match=r"v0\.6\.14 is not in the table .nearest: v0\.6\.13"):
        sidero_machinery("v0.6.14")
