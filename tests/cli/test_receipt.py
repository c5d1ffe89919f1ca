"""`receipt`: what a site holds is stated inside, and compared outside without any network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from airgap.serve import Server
from airgap.store import Store
from lab.auth import BasicAuth
from lab.registry import Registry
from tests.cli.conftest import SITE, Command, write_site
from tests.web_directory import WebDirectory

__all__: list[str] = []

NGINX = "docker.io/library/nginx:1.27.3"
PASSWORD = "MARKED-registry-password"
Document = dict[str, Any]


@pytest.fixture
def registry(
    airgap: Command, ready: Path, site_value: dict[str, object], tmp_path: Path
) -> Iterator[Registry]:
    """A site that holds its lock."""
    with Registry(deletes=True) as registry, WebDirectory(tmp_path / "www") as web:
        value = {
            **site_value,
            "registry": {"kind": "existing", "endpoints": [{"url": registry.url}]},
            "assetMirror": {
                "kind": "directory",
                "url": web.mirror_url,
                "path": str(web.directory),
            },
        }
        write_site(ready, value)
        assert airgap("mirror", SITE).exit_code == 0
        registry.requests.clear()
        yield registry


@pytest.fixture
def lock(ready: Path) -> Document:
    return cast("Document", json.loads((ready / "stacks" / f"{SITE}.lock.json").read_text()))


def _receipt(project: Path) -> Document:
    text = (project / "out" / SITE / "receipt.json").read_text()
    return cast("Document", json.loads(text))


def test_every_image_and_boot_asset_is_stated_by_its_digest(
    airgap: Command, registry: Registry, ready: Path, lock: Document
) -> None:
    outcome = airgap("receipt", SITE)
    assert outcome.exit_code == 0, outcome.stderr
    made = _receipt(ready)

    assert len(made["images"]) == len(lock["images"])
    assert made["images"][NGINX] == {"digest": lock["images"][NGINX]["digest"]}
    assert made["assets"] == {
        name: {"sha256": pin["sha256"], "sha512": pin["sha512"]}
        for name, pin in lock["assets"].items()
    }
    assert " 0 not there" in outcome.stdout


def test_the_registry_is_asked_by_head_alone(airgap: Command, registry: Registry) -> None:
    airgap("receipt", SITE)

    manifests = [item.method for item in registry.requests if "/manifests/" in item.path]
    assert set(manifests) == {"HEAD"}


def test_the_same_site_at_the_same_time_makes_the_same_bytes(
    airgap: Command, registry: Registry, ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1796054400")
    airgap("receipt", SITE)
    first = (ready / "out" / SITE / "receipt.json").read_bytes()
    airgap("receipt", SITE, "--out", str(ready / "again.json"))

    assert (ready / "again.json").read_bytes() == first
    assert _receipt(ready)["madeAt"] == "2026-11-30T16:00:00Z"


def test_what_is_gone_is_stated_and_is_drift_outside(
    airgap: Command, registry: Registry, ready: Path, tmp_path: Path, lock: Document
) -> None:
    kernel = "v1.11.5/vmlinuz-amd64"
    file = tmp_path / "www" / kernel
    file.unlink()
    digest = lock["images"][NGINX]["digest"]
    assert registry.content.remove_manifest("docker.io/library/nginx", digest)
    outcome = airgap("receipt", SITE)
    assert outcome.exit_code == 0, outcome.stderr
    assert " 2 not there" in outcome.stdout
    made = _receipt(ready)
    assert made["images"][NGINX] == {"fault": "missing"}
    assert made["assets"][kernel]["fault"].startswith("missing")
    carried = ready / "stacks" / f"{SITE}.receipt.json"
    shutil.copy(ready / "out" / SITE / "receipt.json", carried)
    registry.requests.clear()

    compared = airgap("receipt", SITE, "--compare", str(carried))

    assert compared.exit_code == 1
    assert f"missing: image {NGINX}: expected {digest}" in compared.stdout
    assert "2 missing, 0 different, 0 extra" in compared.stdout
    assert list(registry.requests) == []


def test_a_site_that_holds_its_lock_differs_in_nothing(
    airgap: Command, registry: Registry, ready: Path
) -> None:
    airgap("receipt", SITE)
    file = str(ready / "out" / SITE / "receipt.json")

    compared = airgap("receipt", SITE, "--compare", file, "--json")

    assert compared.exit_code == 0
    assert json.loads(compared.stdout)["differences"] == []
    assert json.loads(compared.stdout)["sameLock"] is True


def test_another_lock_is_compared_where_it_is_named(
    airgap: Command, registry: Registry, ready: Path, lock: Document
) -> None:
    """A pull request's own lock names what is not carried yet: drift is held against the last."""
    airgap("receipt", SITE)
    file = str(ready / "out" / SITE / "receipt.json")
    other = json.loads(json.dumps(lock))
    other["images"]["docker.io/library/redis:7.4"] = lock["images"][NGINX]
    path = ready / "other.lock.json"
    path.write_text(json.dumps(other))

    compared = airgap("receipt", SITE, "--compare", file, "--lock", str(path))

    assert compared.exit_code == 1
    assert "missing: image docker.io/library/redis:7.4" in compared.stdout
    assert "made with another lock" in compared.stdout


def test_no_credential_is_in_a_receipt(
    airgap: Command, ready: Path, site_value: dict[str, object], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    auth = BasicAuth({"node": PASSWORD})
    with Registry(auth=auth) as registry, WebDirectory(tmp_path / "www") as web:
        write_site(ready, {
            **site_value,
            "registry": {"kind": "existing", "endpoints": [{"url": registry.url}]},
            "assetMirror": {
                "kind": "directory", "url": web.mirror_url, "path": str(web.directory),
            },
        })  # fmt: skip
        path = ready / "auth.json"
        host = registry.url.partition("://")[2]
        path.write_text(json.dumps({"auths": {host: {"username": "node", "password": PASSWORD}}}))
        monkeypatch.setenv("AIRGAP_AUTH_FILE", str(path))
        outcome = airgap("receipt", SITE)
    assert outcome.exit_code == 0, outcome.stderr
    text = (ready / "out" / SITE / "receipt.json").read_text()
    assert PASSWORD not in text + outcome.stdout + outcome.stderr
    assert registry.url not in text


def test_a_registry_that_cannot_be_asked_writes_no_receipt(airgap: Command, ready: Path,
    site_value: dict[str, object],
) -> None:  # fmt: skip
    with Registry() as registry:
        url = registry.url
    write_site(ready, {
        **site_value, "registry": {"kind": "existing", "endpoints": [{"url": url}]},
    })  # fmt: skip
    outcome = airgap("receipt", SITE)

    assert outcome.exit_code == 1
    assert not (ready / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [("--compare", "Pulumi.yaml", "--full"), ("--lock", "Pulumi.yaml"), ("--compare", "nowhere")],
)
def test_options_that_do_not_go_together_are_wrong_usage(
    airgap: Command, ready: Path, arguments: tuple[str, ...]
) -> None:
    assert airgap("receipt", SITE, *arguments).exit_code == 2


def test_a_receipt_of_another_site_is_refused(
    airgap: Command, registry: Registry, ready: Path
) -> None:
    airgap("receipt", SITE)
    path = ready / "out" / SITE / "receipt.json"
    path.write_text(path.read_text().replace('"site": "berlin"', '"site": "munich"'))

    outcome = airgap("receipt", SITE, "--compare", str(path))

    assert outcome.exit_code == 1
    assert "munich" in outcome.stderr


def test_a_store_that_is_served_is_stated_as_well(
    airgap: Command, ready: Path, site_value: dict[str, object], lock: Document
) -> None:
    with Server(Store.open(ready / "store"), "127.0.0.1", 0) as server:
        value = {
            **site_value,
            "registry": {"kind": "embedded", "endpoints": [{"url": server.url}]},
            "assetMirror": {"kind": "embedded", "url": server.url},
        }
        write_site(ready, value)
        outcome = airgap("receipt", SITE)

    assert outcome.exit_code == 0, outcome.stderr
    assert f"{len(lock['images'])} images, 2 boot assets, 0 not there" in outcome.stdout


def test_a_site_without_a_registry_has_its_boot_assets_alone(
    airgap: Command, registry: Registry, ready: Path, site_value: dict[str, object],
    tmp_path: Path,
) -> None:  # fmt: skip
    mirror = {"kind": "directory", "url": "http://127.0.0.1:9", "path": str(tmp_path / "www")}
    cache = {"enabled": True, "medium": "cd"}
    write_site(ready, {
        **site_value, "registry": {"kind": "none"}, "assetMirror": mirror, "imageCache": cache,
    })  # fmt: skip
    outcome = airgap("receipt", SITE)
    made = _receipt(ready)

    assert outcome.exit_code == 0, outcome.stderr
    assert (made["images"], len(made["assets"])) == ({}, 2)


def test_the_receipt_is_a_file_others_may_read(
    airgap: Command, registry: Registry, ready: Path
) -> None:
    airgap("receipt", SITE)

    assert (ready / "out" / SITE / "receipt.json").stat().st_mode & 0o777 == 0o644
