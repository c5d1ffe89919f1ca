"""tools/engine.py: which way it takes, what it keeps, and what it says when none works.

A copy of tools/ is run, with an installer that answers on loopback, a directory as PATH, and a home
of its own. The programs on PATH are small scripts; the real build and the real CLI have the other
tests of this directory.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.engine.workspace import CHECKOUT
from tools import engine

NOWHERE = "http://127.0.0.1:9/install.sh"  # the discard port: nobody listens

FAKE_GO = """#!/bin/sh
echo build >> "$HOME/go.log"
while [ $# -gt 0 ]; do [ "$1" = -o ] && output=$2; shift; done
mkdir -p "${output%/*}"
sleep 1
printf '#!/bin/sh\\necho v3.250.0\\n' > "$output"
chmod +x "$output"
"""

# What the SDK's installer leaves behind, without its download; it also litters its home.
FAKE_SDK_PYTHON = """#!/bin/sh
[ "$1" = -c ] || exit 64
mkdir -p "$3/bin" "$HOME/.pulumi"
for name in pulumi pulumi-language-python; do
    printf '#!/bin/sh\\necho v%s\\n' "$4" > "$3/bin/$name"
    chmod +x "$3/bin/$name"
done
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine to get an engine on: a checkout's tools, a PATH and a home."""

    root: Path

    @property
    def path(self) -> Path:
        return self.root / "bin"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def tools(self) -> Path:
        return self.root / "checkout" / "tools"

    def put(self, path: str, script: str) -> Path:
        """Make an executable, by its path from the root."""
        program = self.root / path
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(script)
        program.chmod(0o755)
        return program

    def put_pulumi(self, version: str, *, plugin: bool = True, directory: str = "bin") -> Path:
        """Make a `pulumi` that tells `version`, with or without its language plugin beside it."""
        if plugin:
            self.put(f"{directory}/pulumi-language-python", "#!/bin/sh\nexit 1\n")
        return self.put(f"{directory}/pulumi", f"#!/bin/sh\necho {version}\n")

    def redirect_installer(self, url: str) -> None:
        getter = self.tools / "engine.py"
        text, count = re.subn(
            r'^INSTALLER = ".*"$', f'INSTALLER = "{url}"', getter.read_text(), flags=re.M
        )
        assert count == 1
        getter.write_text(text)

    def get(self, *more_path: Path) -> subprocess.CompletedProcess[str]:
        """Run the getter, with /bin's sh and mkdir but no Go and no Pulumi other than ours."""
        path = os.pathsep.join(str(part) for part in (*more_path, self.path, self.root / "system"))
        # The base interpreter: it has no SDK, so the checkout's .venv is asked.
        return subprocess.run(
            [Path(sys.base_prefix, "bin", "python3"), self.tools / "engine.py"],
            env={"PATH": path, "HOME": str(self.home)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    @property
    def cache(self) -> Path:
        return self.home / ".cache" / "sidero-airgap" / "engine"

    @property
    def builds(self) -> int:
        log = self.home / "go.log"
        return len(log.read_text().splitlines()) if log.exists() else 0


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(root=tmp_path)
    shutil.copytree(
        CHECKOUT / "tools",
        machine.tools,
        ignore=shutil.ignore_patterns("__pycache__", "peers"),
    )
    for directory in (machine.path, machine.home, machine.root / "system"):
        directory.mkdir()
    for name in ("sh", "mkdir", "chmod", "sleep"):
        program = shutil.which(name)
        assert program is not None
        (machine.root / "system" / name).symlink_to(program)
    machine.redirect_installer(NOWHERE)
    return machine


@pytest.fixture
def installer() -> Iterator[str]:
    """The URL of an installer that answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"#!/bin/sh\n")

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/install.sh"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("version", ["v3.250.0", "3.251.3", "v3.999.0-alpha.1+dirty"])
def test_a_supported_pulumi_on_path_is_taken(machine: Machine, version: str) -> None:
    machine.put_pulumi(version)
    got = machine.get()
    assert (got.returncode, got.stdout, got.stderr) == (0, f"{machine.path}\n", "")
    assert not machine.cache.exists()


def test_a_pulumi_whose_plugin_is_elsewhere_on_path_is_taken(machine: Machine) -> None:
    machine.put_pulumi("v3.250.0", plugin=False)
    other = machine.put("other/pulumi-language-python", "#!/bin/sh\n").parent
    assert machine.get(other).stdout == f"{machine.path}\n"


def test_a_linked_pulumi_has_its_plugin_where_it_leads(machine: Machine) -> None:
    (machine.path / "pulumi").symlink_to(machine.put_pulumi("v3.250.0", directory="opt/pulumi"))
    assert machine.get().stdout == f"{machine.path}\n"


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("v3.249.9", "is version 3.249.9, which is not supported"),
        ("v4.0.0", "is version 4.0.0, which is not supported"),
        ("hello", "tells no version, but 'hello'"),
    ],
)
def test_an_unsupported_pulumi_is_passed_over(machine: Machine, version: str, reason: str) -> None:
    machine.put_pulumi(version)
    refused = machine.get()
    assert refused.returncode == 1
    assert f"Pulumi on PATH: {machine.path}/pulumi {reason}" in refused.stderr

    machine.put("bin/go", FAKE_GO)
    assert machine.get().stdout.startswith(str(machine.cache))


def test_a_pulumi_without_its_plugin_is_passed_over(machine: Machine) -> None:
    machine.put_pulumi("v3.250.0", plugin=False)
    refused = machine.get()
    assert refused.returncode == 1
    assert "has no pulumi-language-python beside it or on PATH" in refused.stderr


def test_when_no_way_works_each_is_named_with_its_reason(machine: Machine) -> None:
    machine.put("checkout/.venv/bin/python", FAKE_SDK_PYTHON)
    refused = machine.get()
    assert refused.returncode == 1
    assert refused.stdout == ""
    lines = refused.stderr.splitlines()
    assert lines[0].startswith("error: no Pulumi engine (3.250.0 and newer, below 4)")
    assert lines[1] == "  1. Pulumi on PATH: there is no `pulumi` on PATH"
    assert lines[2].startswith(
        f"  2. Pulumi's own installer: {NOWHERE} cannot be reached: "
        "<urlopen error [Errno 111] Connection refused>"
    )
    assert lines[3] == "  3. a build from Pulumi's Go module: there is no `go` on PATH"
    assert "install Pulumi 3.250.0" in lines[4]
    assert "Traceback" not in refused.stderr


def test_the_installer_installs_into_the_cache_only(machine: Machine, installer: str) -> None:
    machine.redirect_installer(installer)
    machine.put("checkout/.venv/bin/python", FAKE_SDK_PYTHON)
    machine.put("bin/go", FAKE_GO)
    got = machine.get()
    engine_directory = machine.cache / "installed-3.250.0" / "bin"
    assert got.stdout == f"{engine_directory}\n"
    assert (engine_directory / "pulumi-language-python").exists()
    assert not (machine.home / ".pulumi").exists()
    assert machine.builds == 0

    machine.redirect_installer(NOWHERE)
    again = machine.get()
    assert (again.stdout, again.stderr) == (got.stdout, "")


def test_a_failing_installer_is_named_and_leaves_nothing(machine: Machine, installer: str) -> None:
    machine.redirect_installer(installer)
    machine.put("checkout/.venv/bin/python", "#!/bin/sh\necho 'no space left'\nexit 5\n")
    refused = machine.get()
    assert refused.returncode == 1
    assert "the installer failed with exit code 5: no space left" in refused.stderr
    assert [path.name for path in machine.cache.iterdir()] == [".lock"]


def test_a_build_is_laid_beside_our_plugins(machine: Machine) -> None:
    machine.put("bin/go", FAKE_GO)
    got = machine.get()
    assert got.returncode == 0
    directory = Path(got.stdout.strip())
    assert directory.is_relative_to(machine.cache)
    for name in ("pulumi", "pulumi-language-python", "pulumi-resource-pulumi-python"):
        assert os.access(directory / name, os.X_OK), name
    ours = (machine.tools / "pulumi" / "pulumi-language-python").read_bytes()
    assert (directory / "pulumi-language-python").read_bytes() == ours
    assert "building Pulumi 3.250.0" in got.stderr
    assert not (machine.home / ".pulumi").exists()

    again = machine.get()
    assert (again.stdout, again.stderr) == (got.stdout, "")
    assert machine.builds == 1


def test_our_own_engine_on_path_is_not_taken_for_the_users(machine: Machine) -> None:
    machine.put("bin/go", FAKE_GO)
    before = Path(machine.get().stdout.strip())
    plugin = machine.tools / "pulumi" / "pulumi-language-python"
    plugin.write_text(plugin.read_text() + "# newer\n")
    after = Path(machine.get(before).stdout.strip())
    assert after.is_relative_to(machine.cache)
    assert after != before


def test_another_plugin_costs_no_build_but_another_pin_does(machine: Machine) -> None:
    machine.put("bin/go", FAKE_GO)
    seen = {machine.get().stdout}
    plugin = machine.tools / "pulumi" / "language_host" / "service.py"
    plugin.write_text(plugin.read_text() + "# newer\n")
    seen.add(machine.get().stdout)
    assert machine.builds == 1
    pins = machine.tools / "pulumi-cli" / "go.sum"
    pins.write_text(pins.read_text() + "\n")
    seen.add(machine.get().stdout)
    assert machine.builds == 2
    assert len(seen) == 3


def test_two_runs_at_once_build_once(machine: Machine) -> None:
    machine.put("bin/go", FAKE_GO)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: machine.get(), range(2))
    assert first.stdout == second.stdout != ""
    assert machine.builds == 1
    assert "waiting for another run" in first.stderr + second.stderr


def test_a_failing_build_is_named_and_leaves_nothing(machine: Machine) -> None:
    machine.put("bin/go", "#!/bin/sh\necho 'verifying module: checksum mismatch' >&2\nexit 1\n")
    refused = machine.get()
    assert refused.returncode == 1
    reason = "failed with exit code 1: verifying module: checksum mismatch"
    assert (
        f"3. a build from Pulumi's Go module: `{machine.path}/go build` {reason}" in refused.stderr
    )
    assert [path.name for path in machine.cache.iterdir()] == [".lock"]


def test_all_places_name_the_same_version() -> None:
    version = engine.VERSION
    oldest = ".".join(str(part) for part in engine.OLDEST)
    assert f"pulumi=={version} " in (CHECKOUT / "requirements.txt").read_text()
    assert f"pkg/v3 v{version}\n" in (engine.MODULE / "go.mod").read_text()
    assert f'requiredPulumiVersion: ">={oldest}"' in (CHECKOUT / "Pulumi.yaml").read_text()
