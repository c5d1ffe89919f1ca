"""A real Linux kernel, in QEMU's software emulation, mounts a CD and a disk and reads all of them.

Both are write-protected, as a virtual CD and a locked USB stick are. Drivers and file systems are
the kernel's own modules, with the options that a bare ``mount -o ro`` has.
"""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.peers.initramfs import pack_initramfs
from tests.peers.processes import bare_environment
from tools.peers import Peers

__all__ = ["Mounted", "mount_media"]

_TIMEOUT_S = 600.0
_INIT = """\
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do insmod $module; done
echo
read_medium() {
    for attempt in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/$1 ] || sleep 1; done
    echo "=== $1"
    mount -t $2 -o ro /dev/$1 /mnt && cd /mnt || return
    find . -exec stat -c '%a %s %F|%n' '{}' +
    find . -type f -exec sha256sum '{}' +
    cd / && umount /mnt
}
read_medium sr0 iso9660
read_medium sda vfat
echo "=== end"
poweroff -f
"""
_STATED = re.compile(r"(?P<mode>\d+) (?P<size>\d+) (?P<kind>[a-z ]+)\|\./(?P<path>.+)")
_HASHED = re.compile(r"(?P<digest>[0-9a-f]{64})  \./(?P<path>.+)")


@dataclass(slots=True, kw_only=True)
class Mounted:
    """What the kernel found on a medium, by path."""

    modes: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)


def mount_media(peers: Peers, cd: Path, disk: Path, folder: Path) -> tuple[Mounted, Mounted]:
    """Boot a kernel that reads a CD and a disk; the console is kept in `folder`.

    Raises:
        AssertionError: It did not come to its end; the text ends with its console.
    """
    folder.mkdir(parents=True, exist_ok=True)
    console = folder / "console.log"
    initramfs = folder / "initramfs.xz"
    initramfs.write_bytes(_initramfs(peers))
    subprocess.run(
        _command(peers, initramfs, cd, disk, console),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=bare_environment(),
        cwd=folder,
        timeout=_TIMEOUT_S,
        check=True,
    )
    said = console.read_text(errors="replace").replace("\r", "")
    assert "=== end" in said, said[-3000:]
    _, on_cd, on_disk, _ = re.split(r"^=== \w+\n", said, flags=re.MULTILINE)
    return _read(on_cd), _read(on_disk)


def _initramfs(peers: Peers) -> bytes:
    modules = sorted(peers.path("media-modules").glob("*.ko"))
    files = {
        "init": (0o755, _INIT.encode()),
        **{f"modules/{path.name}": (0o444, path.read_bytes()) for path in modules},
    }
    return pack_initramfs(peers.path("busybox"), ("proc", "sys", "mnt", "modules"), files)


def _command(peers: Peers, initramfs: Path, cd: Path, disk: Path, console: Path) -> list[str]:
    options = {
        "-machine": "pc,accel=tcg,graphics=off",
        "-m": "512",
        "-vga": "none",
        "-display": "none",
        "-monitor": "none",
        "-serial": f"file:{console}",
        "-kernel": str(peers.path("media-kernel")),
        "-initrd": str(initramfs),
        "-append": "console=ttyS0 loglevel=1 panic=-1",
    }
    words = [word for pair in options.items() for word in pair]
    words += ["-device", "virtio-scsi-pci"]
    for name, device, path in (("cd", "scsi-cd", cd), ("disk", "scsi-hd", disk)):
        words += ["-drive", f"file={path},format=raw,if=none,id={name},readonly=on"]
        words += ["-device", f"{device},drive={name}"]
    return [str(peers.path("qemu-system-x86_64")), "-nodefaults", "-no-reboot", *words]


def _read(said: str) -> Mounted:
    mounted = Mounted()
    for line in said.splitlines():
        if stated := _STATED.fullmatch(line):
            path = stated["path"]
            mounted.modes[path] = stated["mode"]
            if stated["kind"] == "directory":
                mounted.directories.add(path)
            else:
                mounted.sizes[path] = int(stated["size"])
        elif hashed := _HASHED.fullmatch(line):
            mounted.digests[hashed["path"]] = hashed["digest"]
    return mounted
