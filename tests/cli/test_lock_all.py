"""`lock --all`: the whole catalogues, in a lock that fits a site which needs less."""

from __future__ import annotations

import json
from pathlib import Path

from lab.catalogue import EXTENSIONS, OVERLAYS
from tests.cli.conftest import SITE, Command, write_site

FACTORY = {
    "kind": "existing",
    "version": "v1.5.0",
    "endpoint": "https://factory.berlin.example",
    "registry": "registry.berlin.example:5000",
}


def test_all_locks_the_whole_catalogues_and_the_lock_fits(
    airgap: Command, project: Path, site_value: dict[str, object]
) -> None:
    write_site(project, {**site_value, "imageFactory": FACTORY})
    locked = airgap("lock", SITE, "--all")
    assert locked.exit_code == 0, locked.stderr
    lock = json.loads((project / f"stacks/{SITE}.lock.json").read_text())
    assert len(lock["extensions"]["v1.11.5"]) == len(EXTENSIONS)
    assert len(lock["overlays"]["v1.11.5"]) == len(OVERLAYS)
    assert airgap("lock", SITE, "--check").exit_code == 0


def test_all_needs_a_factory_that_reads_them(airgap: Command, project: Path) -> None:
    outcome = airgap("lock", SITE, "--all")
    assert outcome.exit_code == 1
    assert "the site has no Image Factory that would read the whole catalogue" in outcome.stderr
    assert not (project / f"stacks/{SITE}.lock.json").exists()
