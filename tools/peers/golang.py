"""The peers that are Go programs, built from the modules that a go.mod names.

Each `Build` has a go.mod and a go.sum, which pin every module by version and hash;
``-mod=readonly`` lets a build use nothing else. No build's pins make another be built again, but
where a version is free to choose they agree, for Go compiles a package once a version.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.peers.folder import make_once, recipe_folder

__all__ = ["BUILDS", "IMAGE_CACHES", "MACHINERY", "Build", "Document", "Program"]

_HERE = Path(__file__).parent
_FLAGS = ("-trimpath", "-mod=readonly", "-buildvcs=false", "-ldflags=-s -w")
_COMPILED_BETWEEN_LINES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A command: the module whose version counts as its own, and the package to build."""

    name: str
    module: str
    package: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file of a module that is kept beside the programs; `path` is relative to the module."""

    name: str
    module: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """Programs that are built together, and where their pins lie.

    Attributes:
        recipe: Its name.
        pins: The folder with go.mod and go.sum.
        programs: What is built.
        duration: How long that takes from nothing on two cores, in words.
        modfile: The name of the go.mod, where the folder has several; its go.sum ends in ``.sum``.
        sources: Files of our own in `pins` that are compiled.
        document: A file to keep as well.
    """

    recipe: str
    pins: Path
    programs: Sequence[Program]
    duration: str
    modfile: str = "go.mod"
    sources: Sequence[str] = ()
    document: Document | None = None

    def folder(self) -> Path:
        """Name the folder that the programs are, or will be, in."""
        modsum = self.modfile.removesuffix("mod") + "sum"
        files = ((self.pins / name).read_bytes() for name in (self.modfile, modsum, *self.sources))
        packages = " ".join(each.package for each in self.programs)
        return recipe_folder(self.recipe, " ".join(_FLAGS).encode(), packages.encode(), *files)

    def get(self, say: Callable[[str], None]) -> bool:
        """Build the programs unless they are there; say whether it did.

        Raises:
            OSError: There is no Go, or the disk refused.
            RuntimeError: The build failed; the text ends with the compiler's last words.
        """
        return make_once(self.folder(), lambda partial: self._fill(partial, say))

    def version(self, module: str) -> str:
        """Return the version of a module that the pins name."""
        return self._list("{{.Version}}", module)

    def _fill(self, partial: Path, say: Callable[[str], None]) -> None:
        count = len(self.programs)
        noun = "program" if count == 1 else "programs"
        say(f"building {count} {noun} from Go modules ({self.duration} from nothing)")
        packages = [each.package for each in self.programs]
        flags = (*_FLAGS, f"-modfile={self.modfile}")
        command = ["go", "build", "-v", *flags, "-o", f"{partial / 'bin'}{os.sep}", *packages]
        _follow(command, self.pins, say)
        for program in self.programs:
            (partial / "bin" / _built_name(program)).rename(partial / "bin" / program.name)
        if self.document:
            folder = Path(self._list("{{.Dir}}", self.document.module))
            shutil.copyfile(folder / self.document.path, partial / self.document.name)
        versions = {each.module: self.version(each.module) for each in self.programs}
        (partial / "versions.json").write_text(json.dumps(versions, indent=2))

    def _list(self, template: str, module: str) -> str:
        command = ["go", "list", "-mod=readonly", f"-modfile={self.modfile}"]
        return subprocess.run(
            [*command, "-m", "-f", template, module],
            cwd=self.pins,
            env=_environment(),
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()


MACHINERY = ("v1.9.5", "v1.10.9", "v1.11.5", "v1.12.7", "v1.13.9")
"""The releases whose own machine configuration code answers: one of each minor we know.

Of 1.9 and 1.12 the last whose module Go's module proxy serves: it refuses v1.9.6 and v1.12.8 to
v1.12.11 (403, "not available").
"""


def _machinery(version: str) -> Build:
    """Build our questions (machinery/main.go) over the machinery module of a release."""
    module = "github.com/siderolabs/talos/pkg/machinery"
    name = f"machinery-{version}"
    ours = "sidero-airgap.example/tools/peers/machinery"
    return Build(
        recipe=name,
        pins=_HERE / "machinery",
        modfile=f"{version}.mod",
        sources=("main.go",),
        programs=(Program(name=name, module=module, package=ours),),
        document=Document(
            name=f"schema-{version}", module=module, path="config/schemas/config.schema.json"
        ),
        duration="1 minute",
    )


IMAGE_CACHES = ("v1.11.5", "v1.12.6", "v1.13.9")
"""The releases whose own code finds and serves image caches: one of each that differs."""


def _image_cache(version: str) -> Build:
    """Build a release's registryd, and our question (imagecache/main.go) what a volume is."""
    talos = "github.com/siderolabs/talos"
    services = "internal/app/machined/pkg/system/services"
    return Build(
        recipe=f"image-cache-{version}",
        pins=_HERE / "imagecache",
        modfile=f"{version}.mod",
        sources=("main.go",),
        programs=(
            Program(
                name=f"registryd-{version}",
                module=talos,
                package=f"{talos}/{services}/registry/app",
            ),
            Program(
                name=f"volume-{version}",
                module="github.com/siderolabs/go-blockdevice/v2",
                package="sidero-airgap.example/tools/peers/imagecache",
            ),
        ),
        duration="20 seconds",
    )


BUILDS: Sequence[Build] = (
    Build(
        recipe="go",
        pins=_HERE,
        programs=(
            Program(
                name="crane",
                module="github.com/google/go-containerregistry",
                package="github.com/google/go-containerregistry/cmd/crane",
            ),
            Program(
                name="regctl",
                module="github.com/regclient/regclient",
                package="github.com/regclient/regclient/cmd/regctl",
            ),
            Program(
                name="regsync",
                module="github.com/regclient/regclient",
                package="github.com/regclient/regclient/cmd/regsync",
            ),
            Program(
                name="registry",
                module="github.com/distribution/distribution/v3",
                package="github.com/distribution/distribution/v3/cmd/registry",
            ),
            Program(
                name="conformance",
                module="github.com/opencontainers/distribution-spec/conformance",
                package="github.com/opencontainers/distribution-spec/conformance",
            ),
        ),
        duration="4 minutes",
    ),
    Build(
        recipe="cosign",
        pins=_HERE / "cosign",
        programs=(
            Program(
                name="cosign",
                module="github.com/sigstore/cosign/v2",
                package="github.com/sigstore/cosign/v2/cmd/cosign",
            ),
        ),
        duration="10 minutes",
    ),
    Build(
        recipe="talosctl",
        pins=_HERE / "talosctl",
        programs=(
            Program(
                name="talosctl",
                module="github.com/siderolabs/talos",
                package="github.com/siderolabs/talos/cmd/talosctl",
            ),
        ),
        duration="5 minutes",
    ),
    Build(
        recipe="factory",
        pins=_HERE / "factory",
        programs=(
            Program(
                name="image-factory",
                module="github.com/siderolabs/image-factory",
                package="github.com/siderolabs/image-factory/cmd/image-factory",
            ),
        ),
        duration="5 minutes",
    ),
    *map(_machinery, MACHINERY),
    *map(_image_cache, IMAGE_CACHES),
    Build(
        recipe="kubernetes",
        pins=_HERE / "kubernetes",
        programs=(
            Program(
                name="etcd",
                module="go.etcd.io/etcd/server/v3",
                package="go.etcd.io/etcd/server/v3",
            ),
            Program(
                name="kube-apiserver",
                module="k8s.io/kubernetes",
                package="k8s.io/kubernetes/cmd/kube-apiserver",
            ),
        ),
        duration="5 minutes",
    ),
)


def _built_name(program: Program) -> str:
    """Return what ``go build`` calls a program: the last part of its path that is no version."""
    *_, last = (part for part in program.package.split("/") if not re.fullmatch("v[0-9]+", part))
    return last


def _follow(command: Sequence[str], pins: Path, say: Callable[[str], None]) -> None:
    """Run a build and tell now and then how many packages it has compiled."""
    last: list[str] = []
    with subprocess.Popen(
        command,
        cwd=pins,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for count, line in enumerate(process.stdout or (), start=1):
            last = [*last[-20:], line.rstrip()]
            if count % _COMPILED_BETWEEN_LINES == 0:
                say(f"{count} packages, now {line.rstrip()}")
    if process.returncode:
        raise RuntimeError("go build failed:\n  " + "\n  ".join(last))


def _environment() -> dict[str, str]:
    # A workspace file around the checkout would change what is built.
    return {**os.environ, "GOWORK": "off"}
