"""A run that is killed leaves nothing to be seen, and the next one finishes and tidies up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from airgap.imagecache.contents import build_tree
from airgap.imagecache.forms import write_directory, write_file
from airgap.plan.cache_content import CacheContent
from airgap.store import Store
from tests.engine.workspace import CHECKOUT

VICTIM = """
import sys, time
from pathlib import Path
from airgap.digest import Digest
from airgap.imagecache.forms import write_directory, write_file
from airgap.imagecache.tree import StoredFile, Tree

def told(count):
    print("writing", flush=True)
    time.sleep(60)

form, path = sys.argv[1], Path(sys.argv[2])
tree = Tree(files={"blob/x": b"x" * 3_000_000})
write = write_file if form in ("tar", "flat", "iso", "vfat") else write_directory
write(form, tree, "linux/amd64", path, told=told)
"""


@pytest.mark.parametrize("form", ["oci", "tree", "tar", "iso"])
def test_a_killed_run_is_never_seen_and_the_next_one_clears_it_away(
    store: Store, content: CacheContent, tmp_path: Path, form: str
) -> None:
    place = tmp_path / "out" / "cache"
    process = subprocess.Popen(
        [sys.executable, "-c", VICTIM, form, str(place)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not place.exists()
    assert list(place.parent.iterdir()) != []
    tree = build_tree(store, content)
    if form in ("oci", "tree"):
        write_directory(form, tree, "linux/amd64", place)  # type: ignore[arg-type]  # a literal
    else:
        write_file(form, tree, "linux/amd64", place)  # type: ignore[arg-type]  # a literal
    assert [path.name for path in place.parent.iterdir()] == ["cache"]
