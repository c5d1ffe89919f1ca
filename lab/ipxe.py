"""The iPXE scripts of Sidero's manager (Sidero v0.6.13, `internal/ipxe`)."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["BOOT_SCRIPT", "DISK_SCRIPTS", "environment_script"]

BOOT_SCRIPT = (
    "#!ipxe\n"
    "chain ipxe?uuid=${uuid}&mac=${mac:hexhyp}&domain=${domain}&hostname=${hostname}"
    "&serial=${serial}&arch=${buildarch}\n"
)
"""What `/boot.ipxe` serves: ask again, and say who is asking."""

DISK_SCRIPTS = {
    "ipxe-exit": "#!ipxe\nexit\n",
    "ipxe-sanboot": "#!ipxe\nsanboot --no-describe --drive 0x80\n",
    "http-404": "",
}
"""How a server is sent to its disk, by `bootFromDiskMethod`; nothing stands for a 404."""


def environment_script(name: str, args: Sequence[str], *, api: str, link_address: str) -> str:
    """Return the script that boots an Environment.

    Args:
        name: The Environment, or `agent-<arch>`.
        args: Its kernel arguments; Sidero's own follow where their prefix is missing.
        api: `host:port` that the server reaches Sidero by.
        link_address: Sidero's address on SideroLink.
    """
    appended = {
        "talos.config=": f"http://{api}/configdata?uuid=",
        "siderolink.api=": api,
        "talos.logging.kernel=": f"tcp://[{link_address}]:4001",
        "talos.events.sink=": f"[{link_address}]:4002",
    }
    own = [
        prefix + value
        for prefix, value in appended.items()
        if not any(arg.startswith(prefix) for arg in args)
    ]
    base = f"/env/{name}"
    return (
        f"#!ipxe\nkernel {base}/vmlinuz {' '.join((*args, *own))}\n"
        f"initrd {base}/initramfs.xz\nboot\n"
    )
