"""Imports of the provider process: what is imported where it is used is there before it is used."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

__all__: list[str] = []

ROOT = Path(__file__).resolve().parents[2]

MODULES = """
import sys
import pulumi.dynamic
from providers.preload import preload_talking, preload_types

preload_types()
preload_talking()
print(*sys.modules)
"""

# Each import takes a while, so that threads meet in the middle of every package.
THREADS = """
import importlib.abc, sys, threading, time
import pulumi.dynamic

imported = []

class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.startswith(("airgap", "providers")):
            imported.append(threading.get_ident())
            time.sleep(0.005)
        return None

sys.meta_path.insert(0, Slow())
making = threading.Lock()

def run(module, name):
    with making:  # as the SDK does
        provider = getattr(__import__(module, fromlist=[name]), name)()
        provider.configure(pulumi.dynamic.ConfigureRequest({}))
    try:
        provider.read("id", {})
    except Exception:
        pass  # the inputs are none

names = ("schematic", "image_cache", "image_set", "asset_set")
threads = [
    threading.Thread(
        target=run, args=(f"providers.{name}", f"{name.title().replace('_', '')}Provider")
    )
    for name in names
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(*imported)
"""


def _inner_imports(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports inside of its functions."""
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module


def test_everything_that_providers_import_late_is_preloaded() -> None:
    files = sorted((ROOT / "providers").glob("*.py"))
    for room in ("factory", "imagecache", "net", "oci", "store", "transfer"):
        files += sorted((ROOT / "airgap" / room).rglob("*.py"))
    late = {name for path in files for name in _inner_imports(path)}
    assert {"airgap.transfer.push", "httpx"} <= late
    loaded = subprocess.run(
        [sys.executable, "-c", MODULES],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    assert late <= set(loaded), late - set(loaded)


def test_threads_import_one_after_the_other(tmp_path: Path) -> None:
    """Python ends one of two that wait for each other's imports with `_DeadlockError`."""
    ended = subprocess.run(
        [sys.executable, "-c", THREADS],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    imported = ended.stdout.split()
    assert len(imported) > 50
    turns = [name for name, _ in groupby(imported)]
    assert len(turns) <= 2, turns  # the types by the first, what talks by whoever calls first
