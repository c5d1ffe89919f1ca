"""An initramfs that proves which bytes booted: it hashes what it carries, and says its arguments.

The format is the kernel's (Documentation/driver-api/early-userspace/buffer-format.rst): a cpio
archive of the "newc" kind, xz with CRC32 as the kernel's own decoder wants it.
"""

import hashlib
import lzma
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["make_initramfs", "pack_initramfs"]

# The arguments stand on one line of their own, whatever the console adds at line ends.
_INIT = """\
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox echo "arguments: $(/bin/busybox cat /proc/cmdline)"
/bin/busybox sha512sum -c /freight.sha512
/bin/busybox echo "release: $(/bin/busybox cat /release)"
/bin/busybox poweroff -f
"""
_CONSOLE = (5, 1)  # major and minor number of /dev/console


def make_initramfs(busybox: Path, release: str, freight: bytes) -> bytes:
    """Make an initramfs that says ``release: <release>`` and whether `freight` came unharmed."""
    digest = hashlib.sha512(freight).hexdigest()
    files = {
        "init": (0o755, _INIT.encode()),
        "release": (0o444, release.encode()),
        "freight": (0o444, freight),
        "freight.sha512": (0o444, f"{digest}  /freight\n".encode()),
    }
    return pack_initramfs(busybox, ("proc",), files)


def pack_initramfs(
    busybox: Path, directories: Sequence[str], files: Mapping[str, tuple[int, bytes]]
) -> bytes:
    """Pack an initramfs that has busybox, a console, these directories and files with modes."""
    archive = b"".join(
        (
            *(_entry(name, stat.S_IFDIR | 0o755) for name in ("bin", "dev", *directories)),
            _entry("dev/console", stat.S_IFCHR | 0o600, device=_CONSOLE),
            _entry("bin/busybox", stat.S_IFREG | 0o755, busybox.read_bytes()),
            *(_entry(name, stat.S_IFREG | mode, data) for name, (mode, data) in files.items()),
            _entry("TRAILER!!!", 0),
        )
    )
    return lzma.compress(archive, format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC32, preset=1)


def _entry(name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> bytes:
    path = name.encode() + b"\0"
    # ino, mode, uid, gid, nlink, mtime, filesize, device of the archive, device, namesize, check
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + path) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
