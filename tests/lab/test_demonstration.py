"""`make lab`, whole: what a new user runs first has to work."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from lab.demonstration import demonstrate
from lab.upstream import NEXT_RELEASE, RELEASE
from lab.workspace import remove

__all__: list[str] = []


@pytest.mark.engine
@pytest.mark.timeout(600)
def test_the_lab_brings_a_site_up_and_previews_the_next_release(tmp_path: Path) -> None:
    root, said = tmp_path / "lab", io.StringIO()

    demonstrate(root, Console(file=said, width=200))

    assert "What the lab did" in said.getvalue()
    (preview,) = (root / "log").glob("*-preview-next.txt")
    change = preview.read_text(encoding="utf-8")
    assert f'"{RELEASE}" => "{NEXT_RELEASE}"' in change
    assert "mandatory" not in change
    remove(root)
    assert not root.exists()
