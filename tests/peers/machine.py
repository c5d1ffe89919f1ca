"""A machine without a disk, in QEMU's software emulation: it boots from the network or not.

Its network is sealed (slirp's ``restrict``): it reaches one address, where one port of the host's
loopback answers, and nothing else. Its iPXE speaks plain HTTP only, as on the hardware.
"""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.peers.processes import bare_environment
from tools.peers import Peers

__all__ = ["SITE_ADDRESS", "Boot", "boot_machine"]

SITE_ADDRESS = "10.0.2.100"
"""Where the machine finds the server; its port is the server's own."""

_TIMEOUT_S = 600.0
_MEMORY_MIB = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """What came out of the serial console until the machine was off."""

    console: str
    duration_s: float

    @property
    def arguments(self) -> str | None:
        """The kernel's arguments as the initramfs read them, or None if it never ran."""
        return self._said("arguments: ")

    @property
    def release(self) -> str | None:
        """The release that the initramfs says it is."""
        return self._said("release: ")

    @property
    def is_intact(self) -> bool:
        """Whether the kernel unpacked all of the initramfs and what it carries hashed right."""
        return "/freight: OK" in self.console and "Initramfs unpacking failed" not in self.console

    def _said(self, label: str) -> str | None:
        lines = (line.strip() for line in self.console.splitlines())
        return next((line.removeprefix(label) for line in lines if line.startswith(label)), None)


def boot_machine(
    peers: Peers, port: int, folder: Path, *, script: str = "/boot.ipxe", uuid: str | None = None
) -> Boot:
    """Power a machine on and wait until it is off; its console is kept in `folder`.

    Args:
        peers: Where QEMU is.
        port: Loopback port of the HTTP server that DHCP names to it, at `SITE_ADDRESS`.
        folder: For the console's log.
        script: Path of the iPXE script on that server.
        uuid: The machine's SMBIOS UUID.

    Raises:
        AssertionError: It was still on after ten minutes; the text ends with its console.
    """
    folder.mkdir(parents=True, exist_ok=True)
    console = folder / "console.log"
    started = time.monotonic()
    with subprocess.Popen(
        _command(peers, port, script, uuid, console),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=bare_environment(),
        cwd=folder,
    ) as process:
        try:
            _, complaint = process.communicate(timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"the machine hung:\n{_read(console)[-3000:]}") from None
    assert process.returncode == 0, complaint.decode(errors="replace")
    return Boot(console=_read(console), duration_s=time.monotonic() - started)


def _command(peers: Peers, port: int, script: str, uuid: str | None, console: Path) -> list[str]:
    bootfile = f"bootfile=http://{SITE_ADDRESS}:{port}{script}"
    # slirp starts the command once for each connection of the machine's.
    forward = f"guestfwd=tcp:{SITE_ADDRESS}:{port}-cmd:{peers.path('busybox')} nc 127.0.0.1 {port}"
    options = {
        # Without graphics SeaBIOS, and so iPXE, speak on the serial line.
        "-machine": "pc,accel=tcg,graphics=off",
        "-m": str(_MEMORY_MIB),
        "-vga": "none",
        "-display": "none",
        "-monitor": "none",
        "-serial": f"file:{console}",
        # No network boot: reboot at once, which with -no-reboot ends it.
        "-boot": "order=n,reboot-timeout=0",
        "-netdev": f"user,id=net0,restrict=on,{bootfile},{forward}",
        "-device": "virtio-net-pci,netdev=net0",
        **({"-uuid": uuid} if uuid else {}),
    }
    words = [word for pair in options.items() for word in pair]
    return [str(peers.path("qemu-system-x86_64")), "-nodefaults", "-no-reboot", *words]


def _read(console: Path) -> str:
    return console.read_text(errors="replace") if console.exists() else ""
