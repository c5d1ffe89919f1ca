"""`pulumi preview --policy-pack policies` under the real engine, without configuration."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from airgap.lock import Lock, fingerprint, write_lock
from airgap.site.load import load_site
from tests.engine.fixtures import MakeWorkspace, engine_directory, make_workspace
from tests.engine.workspace import Workspace
from tests.plan.samples import IMAGES, make_lock

__all__ = ["engine_directory", "make_workspace"]

pytestmark = pytest.mark.engine

REGISTRY = {"kind": "existing", "endpoints": [{"url": "https://r.example:5000"}]}
SITE = {
    "schemaVersion": 1,
    "talos": {"versions": ["v1.11.5"]},
    "kubernetes": {"versions": ["v1.34.1"]},
    "registry": REGISTRY,
    "assetMirror": {"kind": "directory", "url": "https://a.example", "path": "/srv/talos"},
    "sidero": {"version": "v0.6.13"},
    "environments": [{"name": "boot", "talos": "v1.11.5"}],
    "serverClasses": [{"name": "workers", "environment": "boot"}],
}
UNVERIFIED = {**REGISTRY, "mirrors": {"ghcr.io": {"skipVerify": True}}}
EXCEPTION = {
    "rule": "no-skip-verify",
    "subject": "ghcr.io",
    "reason": "its certificate is renewed in January",
    "owner": "j.doe",
    "expires": "2999-12-31",
}


def workspace_of(make_workspace: MakeWorkspace, **changes: object) -> Workspace:
    """Return a workspace with the project's own program, a site and its lock."""
    site: Mapping[str, object] = {**SITE, **changes}
    workspace = make_workspace(stack="berlin", config={"site": site})
    images = {key: need for key, need in IMAGES.items() if need != "workloads"}
    pins = make_lock(images=images)
    inputs = fingerprint(load_site(workspace.stack_file))
    lock = Lock(inputs=inputs, images=pins.images, assets=pins.assets)
    write_lock(workspace.stack_file.with_name("berlin.lock.json"), lock)
    return workspace


def test_a_good_site_passes_with_no_network_at_all(make_workspace: MakeWorkspace) -> None:
    workspace = workspace_of(make_workspace)
    preview = workspace.preview("--policy-pack", "policies")
    assert "sidero-airgap" in preview.output
    assert "mandatory" not in preview.output
    assert "output<string>" not in preview.output
    assert "[unknown]" not in workspace.preview("--diff").output


def test_a_violation_fails_the_preview_and_says_what_to_do(make_workspace: MakeWorkspace) -> None:
    workspace = workspace_of(make_workspace, registry=UNVERIFIED)
    preview = workspace.preview("--policy-pack", "policies", exit_code=None)
    assert preview.exit_code != 0
    assert "[mandatory]  no-skip-verify" in preview.output
    assert "give the endpoint's CA" in preview.output


def test_a_violation_stops_an_update_before_anything_is_made(make_workspace: MakeWorkspace) -> None:
    workspace = workspace_of(make_workspace, registry=UNVERIFIED)
    update = workspace.up("--policy-pack", "policies", exit_code=None)
    assert update.exit_code != 0
    made = {resource["type"] for resource in workspace.export().resources}
    assert not [token for token in made if token.endswith(":ImageSet")]
    assert not (workspace.directory / "out").exists()


def test_a_justified_exception_is_told_and_passes(make_workspace: MakeWorkspace) -> None:
    policy = {"exceptions": [EXCEPTION]}
    workspace = workspace_of(make_workspace, registry=UNVERIFIED, policy=policy)
    preview = workspace.preview("--policy-pack", "policies")
    assert "[advisory]  notes" in preview.output
    assert "allowed until 2999-12-31 by j.doe" in preview.output
