"""What `tools.peers` promises of the folders it fills: whole or not there, made once."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tools.peers import PEERS, PeerError, Peers, golang, locate
from tools.peers.folder import cache_folder, make_once, recipe_folder


def _fill(partial: Path) -> None:
    (partial / "program").write_text("whole")


def test_folder_is_not_visible_before_it_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "go-1"
    seen = []

    def fill(partial: Path) -> None:
        _fill(partial)
        seen.append(folder.exists())

    assert make_once(folder, fill)
    assert seen == [False]
    assert (folder / "program").read_text() == "whole"


def test_folder_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    make_once(tmp_path / "go-1", _fill)

    assert not make_once(tmp_path / "go-1", lambda _: pytest.fail("made twice"))


def test_failed_fill_leaves_no_folder_and_the_next_one_starts_clean(tmp_path: Path) -> None:
    def fail(partial: Path) -> None:
        (partial / "half").touch()
        raise RuntimeError("no network")

    with pytest.raises(RuntimeError, match="no network"):
        make_once(tmp_path / "go-1", fail)
    assert not (tmp_path / "go-1").exists()

    make_once(tmp_path / "go-1", _fill)
    assert [path.name for path in (tmp_path / "go-1").iterdir()] == ["program"]


def test_two_at_once_make_it_once(tmp_path: Path) -> None:
    both = threading.Barrier(2)

    def fill(partial: Path) -> None:
        time.sleep(0.1)
        _fill(partial)

    def make(_: int) -> bool:
        both.wait()
        return make_once(tmp_path / "go-1", fill)

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(make, range(2))) == [False, True]


def test_changed_recipe_is_another_folder() -> None:
    assert recipe_folder("go", b"a", b"b") != recipe_folder("go", b"ab", b"")
    assert recipe_folder("go", b"a") == recipe_folder("go", b"a")


def test_cache_follows_the_xdg_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "sidero-airgap" / "peers"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "sidero-airgap" / "peers"


def test_absent_peer_is_named_with_what_gets_it(tmp_path: Path) -> None:
    nowhere = Peers(folders={peer.recipe: tmp_path / peer.recipe for peer in PEERS})

    assert nowhere.missing() == [peer.name for peer in PEERS]
    with pytest.raises(PeerError, match=r"the real crane .* is not here; `make peers` gets it"):
        nowhere.path("crane")


def test_getter_names_what_it_could_not_get_and_fails(tmp_path: Path) -> None:
    """A machine with neither Go nor apt: an empty PATH."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.peers"],
        cwd=Path(__file__).parents[2],
        env={"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert done.returncode == 1
    for peer in PEERS:
        assert f"failed {peer.name} " in done.stdout
    for recipe in {peer.recipe for peer in PEERS}:
        assert f"why the {recipe} peers failed" in done.stdout


@pytest.mark.peers
def test_every_peer_is_here_in_the_version_that_was_asked_for() -> None:
    """Versions: go.mod and, of Debian's, the release whose behaviour the tests were written to."""
    peers = locate()

    assert peers.missing() == []
    pins = {build.recipe: (build.pins / build.modfile).read_text() for build in golang.BUILDS}
    for peer in PEERS:
        if peer.recipe in pins:
            assert f"{peer.source} {peers.version(peer.name)}" in pins[peer.recipe]
    assert peers.version("cosign") == "v2.6.1"
    assert peers.version("docker-registry").startswith("2.8.2")
