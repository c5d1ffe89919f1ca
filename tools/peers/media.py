"""The peers that read media: programs for CD and FAT images, and a kernel with its modules.

They are Debian packages like those of `debian`, in a folder of their own, so that a change here
does not have hundreds of MB of image packages fetched again, nor the other way round.
"""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.peers.apt import Apt, Deb, unpack
from tools.peers.debian import KERNEL, WRAPPER, Program, assemble_programs, codename
from tools.peers.folder import make_once, recipe_folder

__all__ = ["MODULES", "PROGRAMS", "folder", "get"]

_RECIPE = 1  # raised when the code below makes something else of the same packages

# Names are converted by the C library's modules, which lie beside that library.
_CONVERTERS = 'export GCONV_PATH="$root/usr/lib/$triplet/gconv"'

PROGRAMS: Sequence[Program] = (
    Program(name="xorriso", package="xorriso", path="usr/bin/xorriso"),
    Program(name="isoinfo", package="genisoimage", path="usr/bin/isoinfo"),
    *(
        Program(name=name, package="mtools", path="usr/bin/mtools", environment=_CONVERTERS)
        for name in ("mcopy", "mdir", "minfo")
    ),
    Program(name="fsck.vfat", package="dosfstools", path="sbin/fsck.fat", environment=_CONVERTERS),
)

MODULES: Sequence[str] = (
    *("virtio_pci", "virtio_scsi", "sr_mod", "sd_mod"),
    *("isofs", "vfat", "nls_cp437", "nls_ascii", "nls_utf8"),
)
"""What a kernel needs to mount a CD and a FAT disk; kept with what they depend on."""


def folder() -> Path:
    """Name the folder that these peers are, or will be, in."""
    recipe = (_RECIPE, PROGRAMS, KERNEL, MODULES, WRAPPER, codename())
    return recipe_folder("media", repr(recipe).encode())


def get(say: Callable[[str], None]) -> bool:
    """Download and unpack these peers unless they are there; say whether it did.

    Raises:
        OSError: This is no Debian, or the disk refused.
        RuntimeError: apt or dpkg-deb failed; the text ends with its last words.
    """
    return make_once(folder(), lambda partial: _assemble(partial, say))


def _assemble(partial: Path, say: Callable[[str], None]) -> None:
    apt = Apt(partial / "apt", codename())
    say("reading the package lists")
    apt.update()
    debs = assemble_programs(partial, apt, PROGRAMS, (), say)
    say("downloading a kernel with its modules (30 MB)")
    debs.append(_assemble_kernel(partial, apt))
    versions = {deb.package: deb.version for deb in debs}
    (partial / "versions.json").write_text(json.dumps(versions, indent=2, sort_keys=True))
    apt.remove()


def _assemble_kernel(partial: Path, apt: Apt) -> Deb:
    """Lay out the kernel, and its modules under names that sort in the order to load them."""
    boot, unpacked = partial / "boot", partial / "unpacked"
    (boot / "modules").mkdir(parents=True)
    (deb,) = apt.download([apt.dependency(KERNEL)], partial / "apt")
    unpack(deb, unpacked)
    (kernel,) = unpacked.glob("boot/vmlinuz-*")
    kernel.rename(boot / "vmlinuz")
    known = {path.stem.replace("-", "_"): path for path in unpacked.glob("lib/modules/**/*.ko")}
    for position, name in enumerate(_load_order(known)):
        known[name].rename(boot / "modules" / f"{position:02}-{name}.ko")
    shutil.rmtree(unpacked)
    return Deb(path=deb.path, package=KERNEL, version=deb.version)


def _load_order(known: dict[str, Path]) -> list[str]:
    """Return the modules with what each depends on before it, after its own `depends=`."""
    order: list[str] = []

    def add(name: str) -> None:
        if name in order:
            return
        stated = re.search(rb"\0depends=([^\0]*)\0", known[name].read_bytes())
        for other in stated[1].decode().split(",") if stated and stated[1] else ():
            add(other.replace("-", "_"))
        order.append(name)

    for name in MODULES:
        add(name)
    return order
