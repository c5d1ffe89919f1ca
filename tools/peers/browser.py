"""The browser that the report's page is opened in, and the accessibility checker that reads it.

Chromium is a Debian package like those of `debian`. It starts helpers of itself by its own path, so
that it runs with the machine's loader and C library, and the rest of what it needs from its folder.
The checker is Deque's axe-core, one script, as a wheel of PyPI has it: pip fetches and verifies.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tools.peers.apt import Apt, unpack
from tools.peers.debian import codename
from tools.peers.folder import make_once, recipe_folder

__all__ = ["AXE", "CHROMIUM", "folder", "get"]

CHROMIUM = "chromium"
AXE = "axe-playwright-python"
_FONTS = "fonts-dejavu-core"
_WHEEL = (
    f"{AXE}==0.1.8 --hash=sha256:fdd263c998388f1a8e67cad02677e612d946248bd44d163be5e8650ea31f95f8"
)
_RECIPE = 1  # raised when the code below makes something else of the same packages
_TIMEOUT_S = 600
_PIP = (sys.executable, "-m", "pip", "install")

_LEFT_OUT = ("libc6", "libllvm", "libz3", "libgl1-mesa-dri", "libperl")
"""Packages by the beginning of their name: the machine has its own, or no screen is drawn."""
_KEPT = ("lib", "zlib1g", CHROMIUM, _FONTS)

SCRIPT = """\
#!/bin/sh
root=$(dirname "$(dirname "$(readlink -f "$0")")")/root
libraries=
for folder in "$root"/lib/*-linux-gnu "$root"/usr/lib/*-linux-gnu "$root"/usr/lib/*/pulseaudio; do
  libraries=$libraries$folder:
done
export LD_LIBRARY_PATH="$libraries$root/usr/lib/chromium" FONTCONFIG_FILE="$root/fonts.conf"
exec "$root/usr/lib/chromium/chromium" "$@"
"""
_FONT_SETTINGS = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
"""


def folder() -> Path:
    """Name the folder that the browser is, or will be, in."""
    recipe = (_RECIPE, CHROMIUM, _WHEEL, _LEFT_OUT, _KEPT, SCRIPT, _FONT_SETTINGS, codename())
    return recipe_folder("browser", repr(recipe).encode())


def get(say: Callable[[str], None]) -> bool:
    """Download and unpack browser and checker unless they are there; say whether it did.

    Raises:
        OSError: This is no Debian, or the disk refused.
        RuntimeError: apt, dpkg-deb or pip failed; the text ends with its last words.
    """
    return make_once(folder(), lambda partial: _assemble(partial, say))


def _assemble(partial: Path, say: Callable[[str], None]) -> None:
    versions = _axe(partial)
    apt = Apt(partial / "apt", codename())
    say("reading the package lists")
    apt.update()
    say("downloading a browser (230 MB)")
    debs = [
        deb
        for deb in apt.resolve([CHROMIUM, _FONTS])
        if deb.package.startswith(_KEPT) and not deb.package.startswith(_LEFT_OUT)
    ]
    say(f"unpacking {len(debs)} packages: the browser and its libraries")
    for deb in debs:
        unpack(deb, partial / "root")
    apt.remove()
    for folder in ("usr/share/doc", "usr/share/locale", "usr/share/man"):
        shutil.rmtree(partial / "root" / folder, ignore_errors=True)
    (partial / "root" / "fonts.conf").write_text(_FONT_SETTINGS)
    script = partial / "bin" / CHROMIUM
    script.parent.mkdir()
    script.write_text(SCRIPT)
    script.chmod(0o755)
    versions |= {deb.package: deb.version for deb in debs}
    (partial / "versions.json").write_text(json.dumps(versions, indent=2, sort_keys=True))


def _axe(partial: Path) -> dict[str, str]:
    """Put `axe.min.js` into the folder; return its wheel's version.

    Raises:
        RuntimeError: pip refused.
    """
    wheels = partial / "wheels"
    wheels.mkdir()
    (wheels / "requirements.txt").write_text(_WHEEL + "\n")
    options = ("--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:")
    done = subprocess.run(
        [*_PIP, *options, "--target", "unpacked", "--requirement", "requirements.txt"],
        cwd=wheels,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    if done.returncode:
        raise RuntimeError("pip failed:\n  " + "\n  ".join(done.stderr.splitlines()[-10:]))
    (script,) = wheels.glob("unpacked/*/axe.min.js")
    script.rename(partial / "axe.min.js")
    shutil.rmtree(wheels)
    return {AXE: _WHEEL.partition("==")[2].split()[0]}
