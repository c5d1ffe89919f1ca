"""The table is what its tool writes, and the tool adds a release as Go's own client reads it.

The modules are served from a folder, in the layout of Go's module proxy protocol
(https://go.dev/ref/mod#goproxy-protocol), to the real `go`; constants as in
siderolabs/talos v1.13.9 pkg/machinery/constants/constants.go and pkg/images/list.go.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from airgap.talos import table
from tools import talos_tables

__all__: list[str] = []

MACHINERY = "github.com/siderolabs/talos/pkg/machinery"
TALOS = "github.com/siderolabs/talos"
CONSTANTS = """\
package constants

const (
	// DefaultKubernetesVersion is followed by its value.
	DefaultKubernetesVersion = "1.36.4"
	SupportedKubernetesVersions = 6
	EtcdImage = "registry.k8s.io/etcd"
	DefaultEtcdVersion = "v3.6.13"
	DefaultCoreDNSVersion = "v1.14.7"
	KubeNetworkPoliciesVersion = "v1.2.0"
	FlannelVersion = "0.28.9"
)
"""
IMAGES = 'package images\n\nconst DefaultSandboxImage = "registry.k8s.io/pause:3.10.1"\n'
ROW = "v1.13.10 1.36.4 v1.14.7 v3.6.13 registry.k8s.io/etcd         0.28.9  3.10.1 v1.2.0 6\n"
Run = Callable[..., str]


def _publish(proxy: Path, module: str, version: str, name: str, text: str) -> None:
    folder = proxy / module / "@v"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{version}.info").write_text(f'{{"Version": "{version}"}}')
    (folder / f"{version}.mod").write_text(f"module {module}\n")
    with ZipFile(folder / f"{version}.zip", "w") as archive:
        archive.writestr(f"{module}@{version}/go.mod", f"module {module}\n")
        archive.writestr(f"{module}@{version}/{name}", text)


@pytest.fixture
def proxy(tmp_path: Path) -> Path:
    """Return a module proxy's folder that has v1.13.10."""
    folder = tmp_path / "proxy"
    _publish(folder, MACHINERY, "v1.13.10", "constants/constants.go", CONSTANTS)
    _publish(folder, TALOS, "v1.13.10", "pkg/images/list.go", IMAGES)
    return folder


@pytest.fixture
def run(tmp_path: Path, proxy: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what runs the tool on a copy of the table, and returns the copy's text."""
    assert shutil.which("go"), "these tests run Go's own client"
    copy = tmp_path / "table.py"
    copy.write_text(Path(table.__file__).read_text())
    settings = {
        "GOPROXY": proxy.as_uri(),
        "GOSUMDB": "off",
        "GOMODCACHE": str(tmp_path / "modules"),
        "GOFLAGS": "-modcacherw",
        "GOTOOLCHAIN": "local",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(talos_tables, "_TABLE", copy)

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["talos_tables", *arguments])
        talos_tables.main()
        return copy.read_text()

    return run


@pytest.mark.peers
@pytest.mark.parametrize("arguments", [("v1.13.10",), ("--newer",)])
def test_a_new_release_is_one_row_and_two_sums(run: Run, arguments: tuple[str, ...]) -> None:
    before = Path(table.__file__).read_text().splitlines(keepends=True)
    after = run(*arguments).splitlines(keepends=True)

    added = [line for line in after if line not in before]
    assert added[0] == ROW
    assert [line.rpartition(" ")[0] for line in added[1:]] == [
        f"{MACHINERY} v1.13.10",
        f"{TALOS} v1.13.10",
    ]
    assert [line for line in after if line not in added] == before  # written as committed
    assert after.index(added[1]) > after.index('UNVOUCHED_SUMS = """\\\n')  # no database was asked


@pytest.mark.peers
def test_a_published_release_that_changed_is_refused_and_nothing_written(
    run: Run, proxy: Path
) -> None:
    _publish(proxy, MACHINERY, "v1.13.9", "constants/constants.go", CONSTANTS)
    _publish(proxy, TALOS, "v1.13.9", "pkg/images/list.go", IMAGES)

    with pytest.raises(
        SystemExit, match=r"^v1\.13\.9: committed .*1\.36\.3.* published .*1\.36\.4"
    ):
        run("v1.13.9")
    assert talos_tables._TABLE.read_text() == Path(table.__file__).read_text()


@pytest.mark.peers
def test_a_release_that_is_not_served_is_named(run: Run) -> None:
    with pytest.raises(SystemExit, match=r"pkg/machinery@v1\.13\.11"):
        run("v1.13.11")


@pytest.mark.peers
def test_a_release_without_one_of_the_constants_is_refused(run: Run, proxy: Path) -> None:
    without = CONSTANTS.replace("EtcdImage", "EtcdRepository")
    _publish(proxy, MACHINERY, "v1.13.10", "constants/constants.go", without)

    with pytest.raises(SystemExit, match=r"^v1\.13\.10: no constant EtcdImage$"):
        run("v1.13.10")
