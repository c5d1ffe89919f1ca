"""The peers that are Debian packages, and the packages that real container images are made of.

Nothing is installed and nobody needs to be root: apt, with lists, cache and (empty) status of its
own, resolves and verifies the packages down to libc; they are unpacked into one folder and started
with that folder's own loader. Debian's archive signatures are what the bytes are checked against.
"""

import json
import platform
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.peers.apt import Apt, Deb, unpack
from tools.peers.folder import make_once, recipe_folder

__all__ = [
    "IMAGE_PACKAGES",
    "KERNEL",
    "PROGRAMS",
    "WRAPPER",
    "Program",
    "assemble_programs",
    "codename",
    "folder",
    "get",
]

_RECIPE = 1  # raised when the code below makes something else of the same packages


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program of a Debian package; `path` is where the package puts it."""

    name: str
    package: str
    path: str
    arguments: str = ""
    environment: str = ""


PROGRAMS: Sequence[Program] = (
    Program(name="docker-registry", package="docker-registry", path="usr/bin/docker-registry"),
    Program(name="skopeo", package="skopeo", path="usr/bin/skopeo"),
    Program(name="nginx", package="nginx-light", path="usr/sbin/nginx"),
    Program(
        name="qemu-system-x86_64",
        package="qemu-system-x86",
        path="usr/bin/qemu-system-x86_64",
        arguments='-L "$root/usr/share/qemu" -L "$root/usr/share/seabios" '
        '-L "$root/usr/lib/ipxe/qemu"',
        environment='export QEMU_MODULE_DIR="$root/usr/lib/$triplet/qemu"',
    ),
)
_FIRMWARE = ("ipxe-qemu", "seabios")  # the machine's; no programs of their own

KERNEL = "linux-image-cloud-amd64"

IMAGE_PACKAGES: Sequence[str] = (
    *(f"{name}:all" for name in ("ca-certificates", "fonts-noto-cjk", "linux-source-6.1")),
    *(
        f"{name}:{architecture}"
        for architecture in ("amd64", "arm64")
        for name in ("base-files", "busybox-static", "libc6", "openjdk-17-jre-headless")
    ),
    "openjdk-17-jdk-headless:amd64",
)
"""What `tests/peers/realistic.py` makes container images of; kept packed, by architecture."""

# $0 may be a link to the script; exec keeps the process ID, so that a test can end what it started.
WRAPPER = """\
#!/bin/sh
root=$(dirname "$(dirname "$(readlink -f "$0")")")/root
loader=$(echo "$root"/lib/*/ld-linux*.so.*)
triplet=$(basename "$(dirname "$loader")")
libraries=$root/lib/$triplet:$root/usr/lib/$triplet
{environment}
exec "$loader" --library-path "$libraries" --argv0 {name} "$root/{path}" {arguments} "$@"
"""


def folder() -> Path:
    """Name the folder that the Debian peers are, or will be, in."""
    recipe = (_RECIPE, PROGRAMS, _FIRMWARE, KERNEL, IMAGE_PACKAGES, WRAPPER, codename())
    return recipe_folder("debian", repr(recipe).encode())


def get(say: Callable[[str], None]) -> bool:
    """Download and unpack the Debian peers unless they are there; say whether it did.

    Raises:
        OSError: This is no Debian, or the disk refused.
        RuntimeError: apt or dpkg-deb failed; the text ends with its last words.
    """
    return make_once(folder(), lambda partial: _assemble(partial, say))


def _assemble(partial: Path, say: Callable[[str], None]) -> None:
    apt = Apt(partial / "apt", codename())
    say("reading the package lists")
    apt.update()
    debs = assemble_programs(partial, apt, PROGRAMS, _FIRMWARE, say)
    debs += _assemble_machine(partial, apt)
    say(f"downloading {len(IMAGE_PACKAGES)} packages for container images (430 MB)")
    debs += apt.download(IMAGE_PACKAGES, partial / "packages")
    versions = {deb.package: deb.version for deb in debs}
    (partial / "versions.json").write_text(json.dumps(versions, indent=2, sort_keys=True))
    apt.remove()


def assemble_programs(
    partial: Path,
    apt: Apt,
    programs: Sequence[Program],
    others: Sequence[str],
    say: Callable[[str], None],
) -> list[Deb]:
    """Unpack programs, and other packages, with all that they need; write what starts them."""
    debs = apt.resolve([*dict.fromkeys(each.package for each in programs), *others])
    say(f"unpacking {len(debs)} packages: the programs and their libraries")
    for deb in debs:
        unpack(deb, partial / "root")
    (partial / "bin").mkdir()
    for program in programs:
        script = partial / "bin" / program.name
        script.write_text(WRAPPER.format(**asdict(program)))
        script.chmod(0o755)
    return debs


def _assemble_machine(partial: Path, apt: Apt) -> list[Deb]:
    """Lay out what boots: a kernel and the static busybox, both for the machine's x86-64."""
    boot, unpacked = partial / "boot", partial / "unpacked"
    boot.mkdir()
    debs = apt.download([apt.dependency(KERNEL), "busybox-static:amd64"], partial / "apt")
    for deb in debs:
        unpack(deb, unpacked)
    (kernel,) = unpacked.glob("boot/vmlinuz-*")
    kernel.rename(boot / "vmlinuz")
    (unpacked / "bin" / "busybox").rename(boot / "busybox")
    shutil.rmtree(unpacked)
    return [Deb(path=debs[0].path, package=KERNEL, version=debs[0].version), *debs]


def codename() -> str:
    """Return the release's name as apt's sources spell it.

    Raises:
        OSError: The machine does not say what it is.
    """
    return platform.freedesktop_os_release().get("VERSION_CODENAME", "")
