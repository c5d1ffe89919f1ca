"""`store …`: against the practice upstream, a practice registry, and git's own history."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from airgap.store import Store
from airgap.transfer.destination import RegistryDestination
from airgap.transfer.ledger import Ledger, ledger_root
from lab.registry import Registry
from lab.tls import Authority
from lab.upstream import Upstream
from tests.cli.conftest import SITE, Command, Hold, write_site
from tests.engine.workspace import CHECKOUT

NGINX = "docker.io/library/nginx:1.27.3"
KUBELET = "ghcr.io/siderolabs/kubelet:v1.34.1"
IMAGER = "ghcr.io/siderolabs/imager:v1.11.5"  # upstream has it, the lock does not name it

Document = dict[str, Any]


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as running:
        yield running
        assert running.crashes == []


def lock_of(project: Path, site: str = SITE) -> Document:
    return cast("Document", json.loads((project / "stacks" / f"{site}.lock.json").read_text()))


def as_json(airgap: Command, *arguments: str) -> Document:
    """Run a command with --json; what it prints on stdout is JSON and nothing else."""
    outcome = airgap(*arguments, "--json")
    assert outcome.exit_code == 0, outcome.stderr
    return cast("Document", json.loads(outcome.stdout))


def blobs(project: Path) -> set[str]:
    return {path.name for path in (project / "store" / "blobs" / "sha256").iterdir()}


def git(project: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
    command = ["git", "-C", str(project), *identity, *arguments]
    subprocess.run(command, check=True, capture_output=True)


# list


def test_list_names_what_the_lock_names_with_its_digests(airgap: Command, ready: Path) -> None:
    lock = lock_of(ready)
    listed = as_json(airgap, "store", "list")
    found = {item["name"]: item for item in listed["items"]}
    assert found.keys() == {*lock["images"], *lock["assets"]}
    for name, pin in lock["images"].items():
        assert found[name]["digest"] == pin["digest"]
        assert found[name]["sizeBytes"] == pin["size"]
        assert found[name]["fault"] == ""
    assert set(found[NGINX]["platforms"]) == set(lock["images"][NGINX]["platforms"])
    sizes = [path.stat().st_size for path in (ready / "store/blobs/sha256").iterdir()]
    assert listed["blobBytes"] == sum(sizes)
    assert listed["orphanBytes"] == 0


def test_list_is_a_table_for_people(airgap: Command, ready: Path) -> None:
    outcome = airgap("store", "list")
    assert outcome.exit_code == 0, outcome.stderr
    header, *rows, total = outcome.stdout.splitlines()
    assert header.split() == ["NAME", "DIGEST", "SIZE", "ALONE", "PLATFORMS"]
    [row] = [row for row in rows if row.startswith(f"{NGINX} ")]
    assert lock_of(ready)["images"][NGINX]["digest"][:19] in row
    assert "linux/amd64" in row
    assert total.startswith(f"{len(rows)} items, ")


def test_list_says_what_is_incomplete_and_fails(airgap: Command, ready: Path) -> None:
    digest = lock_of(ready)["images"][NGINX]["platforms"]["linux/amd64"]["digest"]
    (ready / "store/blobs/sha256" / digest.partition(":")[2]).unlink()
    outcome = airgap("store", "list")
    assert outcome.exit_code == 1
    [row] = [row for row in outcome.stdout.splitlines() if row.startswith(f"{NGINX} ")]
    assert "incomplete" in row


def test_list_without_a_store_names_fetch(airgap: Command) -> None:
    outcome = airgap("store", "list")
    assert outcome.exit_code == 1
    assert "fetch" in outcome.stderr


def test_a_store_is_found_without_a_project(
    airgap: Command, ready: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert as_json(airgap, "store", "list", "--store", str(ready / "store"))["items"]


# verify


def test_verify_finds_a_flipped_bit_and_names_who_needs_it(airgap: Command, ready: Path) -> None:
    assert as_json(airgap, "store", "verify") == {"damages": []}
    asset = lock_of(ready)["assets"]["v1.11.5/vmlinuz-amd64"]
    blob = ready / "store/blobs/sha256" / asset["sha256"].partition(":")[2]
    data = bytearray(blob.read_bytes())
    data[100] ^= 1
    blob.chmod(0o644)
    blob.write_bytes(data)
    outcome = airgap("store", "verify", "--json")
    assert outcome.exit_code == 1
    [damage] = json.loads(outcome.stdout)["damages"]
    assert (damage["digest"], damage["kind"]) == (asset["sha256"], "altered")
    assert damage["neededBy"] == ["v1.11.5/vmlinuz-amd64"]
    told = airgap("store", "verify").stdout
    assert ": 1 blob is damaged; " in told
    assert "python -m airgap fetch <site> --rehash" in told


# add


def test_add_brings_an_image_with_what_is_attached_to_it(
    airgap: Command, project: Path, site_value: dict[str, object], upstream: Upstream
) -> None:
    outcome = airgap("store", "add", KUBELET, "--site", SITE)
    assert outcome.exit_code == 0, outcome.stderr
    held = Store.open(project / "store").names()
    found = upstream.registry.content.find("ghcr.io/siderolabs/kubelet", "v1.34.1")
    assert found is not None
    assert held[KUBELET].digest == found.digest
    assert f"{KUBELET}@{found.digest}" in outcome.stdout
    signature = f"ghcr.io/siderolabs/kubelet:sha256-{found.digest.hex}.sig"
    attached = upstream.registry.content.find("ghcr.io/siderolabs/kubelet", signature.split(":")[1])
    assert attached is not None
    assert held[signature].digest == attached.digest
    assert airgap("store", "verify").exit_code == 0


def test_add_without_signatures_brings_the_image_alone(airgap: Command, project: Path) -> None:
    added = as_json(airgap, "store", "add", KUBELET, "--site", SITE, "--no-signatures")
    assert list(added["images"]) == [KUBELET]


def test_add_of_one_platform_leaves_the_others_outside(
    airgap: Command, project: Path, upstream: Upstream
) -> None:
    whole = upstream.registry.content.find("docker.io/library/nginx", "1.27.3")
    assert whole is not None
    added = as_json(airgap, "store", "add", NGINX, "--site", SITE, "--platform", "linux/arm64")
    store = Store.open(project / "store")
    manifest = store.manifest(store.names()[NGINX].digest)
    assert str(manifest.digest) == added["images"][NGINX]["digest"] != str(whole.digest)
    arm64 = next(item for item in whole.children if str(item.platform) == "linux/arm64")
    amd64 = next(item for item in whole.children if str(item.platform) == "linux/amd64")
    assert arm64.digest in {child.digest for child in manifest.children}
    assert store.has(arm64.digest)
    assert not store.has(amd64.digest)


def test_add_again_moves_nothing(airgap: Command, project: Path, upstream: Upstream) -> None:
    assert airgap("store", "add", NGINX, "--site", SITE).exit_code == 0
    upstream.outside.requests.clear()
    assert airgap("store", "add", NGINX, "--site", SITE).exit_code == 0
    assert not [item.path for item in upstream.outside.requests if "/blobs/" in item.path]


def test_add_of_what_is_not_there_fails_and_brings_the_rest(airgap: Command, project: Path) -> None:
    outcome = airgap("store", "add", "docker.io/library/absent:1", "--site", SITE)
    assert outcome.exit_code == 1
    assert "docker.io/library/absent:1" in outcome.stderr


def test_add_of_no_reference_is_refused_before_anything_is_asked(
    airgap: Command, project: Path, upstream: Upstream
) -> None:
    upstream.outside.requests.clear()
    outcome = airgap("store", "add", "nginx", "--site", SITE)
    assert outcome.exit_code == 1
    assert "neither a tag nor a digest" in outcome.stderr
    assert len(upstream.outside.requests) == 0


def test_ctrl_c_in_an_add_goes_on_where_it_was(
    airgap: Command, project: Path, upstream: Upstream
) -> None:
    hold = Hold()
    upstream.outside.faults.add("/v2/docker.io/library/nginx/blobs/", then=hold)
    upstream.outside.faults.add("/v2/docker.io/library/nginx/blobs/", times=None, delay_s=0.3)
    command = [sys.executable, "-m", "airgap", "store", "add", NGINX, "--site", SITE]
    process = subprocess.Popen(
        command,
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for_blobs(project, 3)
        os.killpg(process.pid, signal.SIGINT)
        hold.release()
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
        upstream.outside.faults.clear()
    assert process.returncode == 130, stderr
    assert b"Traceback" not in stderr
    before = blobs(project)
    upstream.outside.requests.clear()
    assert airgap("store", "add", NGINX, "--site", SITE).exit_code == 0
    asked = [item.path for item in upstream.outside.requests if "/blobs/sha256:" in item.path]
    assert not before.intersection(path.rpartition(":")[2] for path in asked)
    assert airgap("store", "verify").exit_code == 0


def _wait_for_blobs(project: Path, count: int) -> None:
    limit = time.monotonic() + 60
    while len(list((project / "store").glob("blobs/sha256/[0-9a-f]*"))) < count:
        assert time.monotonic() < limit
        time.sleep(0.02)


# gc


def test_gc_removes_what_no_lock_names_and_nothing_else(airgap: Command, ready: Path) -> None:
    before = blobs(ready)
    assert airgap("store", "add", IMAGER, "--site", SITE).exit_code == 0
    added = blobs(ready) - before
    told = as_json(airgap, "store", "gc", "--dry-run")
    assert blobs(ready) == before | added, "a dry run removes nothing"
    outcome = airgap("store", "gc")
    assert outcome.exit_code == 0, outcome.stderr
    assert blobs(ready) == before
    assert {digest.partition(":")[2] for digest in told["removed"]} == added
    assert airgap("verify", SITE, "--only", "store").exit_code == 0


def test_gc_keeps_what_it_is_told_to(airgap: Command, ready: Path) -> None:
    assert airgap("store", "add", IMAGER, "--site", SITE, "--no-signatures").exit_code == 0
    before = blobs(ready)
    assert airgap("store", "gc", "--keep", IMAGER).exit_code == 0
    assert blobs(ready) == before
    outcome = airgap("store", "gc", "--keep", "docker.io/library/absent:1")
    assert outcome.exit_code == 1
    assert "docker.io/library/absent:1" in outcome.stderr
    assert blobs(ready) == before


def test_gc_keeps_what_another_site_here_names(
    airgap: Command, ready: Path, site_value: dict[str, object]
) -> None:
    write_site(ready, site_value, name="potsdam")
    (ready / "stacks" / "berlin.lock.json").rename(ready / "stacks" / "potsdam.lock.json")
    before = blobs(ready)
    assert airgap("store", "gc").exit_code == 0
    assert blobs(ready) == before


def test_gc_keeps_what_the_last_committed_locks_name(airgap: Command, ready: Path) -> None:
    git(ready, "init", "--quiet")
    path = ready / "stacks" / "berlin.lock.json"
    lock = lock_of(ready)
    nginx = lock["images"][NGINX]["digest"].partition(":")[2]
    for number in range(5):  # keepLocks is 3: the present one, and three before it
        git(ready, "add", "stacks")
        git(ready, "commit", "--quiet", "--message", f"lock {number}")
        assert airgap("store", "gc").exit_code == 0
        assert (nginx in blobs(ready)) is (number < 4)
        document = lock_of(ready)
        document["images"].pop(NGINX, None)
        document["images"][KUBELET]["neededBy"] = [f"change {number}"]
        path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")


def test_gc_without_any_lock_removes_nothing(airgap: Command, ready: Path) -> None:
    (ready / "stacks" / "berlin.lock.json").unlink()
    before = blobs(ready)
    outcome = airgap("store", "gc")
    assert outcome.exit_code == 1
    assert "no site here has a lock" in outcome.stderr
    assert blobs(ready) == before


def test_gc_with_a_damaged_lock_removes_nothing(airgap: Command, ready: Path) -> None:
    (ready / "stacks" / "potsdam.lock.json").write_text("{")
    write_site(ready, {}, name="potsdam")
    before = blobs(ready)
    assert airgap("store", "gc").exit_code == 1
    assert blobs(ready) == before


# push


def test_push_brings_everything_with_its_digest(
    airgap: Command, ready: Path, registry: Registry
) -> None:
    outcome = airgap("store", "push", registry.url)
    assert outcome.exit_code == 0, outcome.stderr
    images = lock_of(ready)["images"]
    for reference, pin in images.items():
        name, _, tag = reference.rpartition(":")
        if "@" in reference:
            name, _, tag = reference.partition("@")
        found = registry.content.find(name, tag)
        assert found is not None, reference
        assert str(found.digest) == pin["digest"]
    assert f"{len(images)} images pushed, 0 were there" in outcome.stdout


def test_push_again_asks_once_an_image_and_sends_nothing(
    airgap: Command, ready: Path, registry: Registry
) -> None:
    assert airgap("store", "push", registry.url, NGINX, KUBELET).exit_code == 0
    registry.requests.clear()
    pushed = as_json(airgap, "store", "push", registry.url, NGINX, KUBELET)
    assert pushed == {"pushed": 0, "present": 2, "mounted": 0, "movedBytes": 0}
    assert [item.method for item in registry.requests] == ["HEAD", "HEAD"]


def test_push_takes_a_prefix_and_a_layout(airgap: Command, ready: Path, registry: Registry) -> None:
    where = f"{registry.url}/team/mirror"
    assert airgap("store", "push", where, NGINX, "--layout", "flat").exit_code == 0
    assert registry.content.find("team/mirror/library/nginx", "1.27.3") is not None


def test_push_does_not_move_somebodys_tag_unless_told_to(
    airgap: Command, ready: Path, registry: Registry
) -> None:
    assert airgap("store", "push", registry.url, KUBELET).exit_code == 0
    kubelet = registry.content.find("ghcr.io/siderolabs/kubelet", "v1.34.1")
    assert kubelet is not None
    for child in kubelet.children:
        manifest = registry.content.find("ghcr.io/siderolabs/kubelet", str(child.digest))
        assert manifest is not None
        for blob in manifest.blobs:
            registry.content.link("docker.io/library/nginx", str(blob.digest))
        registry.content.put_manifest("docker.io/library/nginx", manifest.raw)
    registry.content.put_manifest("docker.io/library/nginx", kubelet.raw, tag="1.27.3")
    outcome = airgap("store", "push", registry.url, NGINX)
    assert outcome.exit_code == 1
    assert str(kubelet.digest) in outcome.stderr
    assert airgap("store", "push", registry.url, NGINX, "--overwrite").exit_code == 0
    moved = registry.content.find("docker.io/library/nginx", "1.27.3")
    assert moved is not None
    assert str(moved.digest) == lock_of(ready)["images"][NGINX]["digest"]


def test_what_was_pushed_is_a_set_of_its_own_that_prune_keeps(
    airgap: Command, ready: Path, registry: Registry
) -> None:
    assert airgap("store", "push", registry.url, NGINX).exit_code == 0
    assert airgap("store", "push", registry.url, KUBELET).exit_code == 0
    identity = RegistryDestination(kind="existing", endpoint=registry.url).identity
    ledger = Ledger(ledger_root(ready / "store"), identity)
    digests = {name: pin["digest"] for name, pin in lock_of(ready)["images"].items()}
    assert ledger.named() == {f"{name}@{digests[name]}" for name in (NGINX, KUBELET)}


def test_push_of_what_the_store_has_not_says_so(
    airgap: Command, ready: Path, registry: Registry
) -> None:
    outcome = airgap("store", "push", registry.url, "docker.io/library/absent:1")
    assert outcome.exit_code == 1
    assert "docker.io/library/absent:1" in outcome.stderr
    assert len(registry.requests) == 0


def test_push_to_a_registry_that_is_not_trusted_hints_at_the_flag(
    airgap: Command, ready: Path, tmp_path: Path
) -> None:
    with Registry(certificate=Authority(tmp_path / "ca").issue()) as registry:
        outcome = airgap("store", "push", registry.url)
    assert outcome.exit_code == 1
    assert "give the authority that signed it with --ca-file" in outcome.stderr
    assert "caFile" not in outcome.stderr


@pytest.mark.parametrize("text", ["ftp://registry.example", "https://u:p@registry.example", ""])
def test_push_to_no_registry_is_wrong_usage(airgap: Command, ready: Path, text: str) -> None:
    outcome = airgap("store", "push", text)
    assert outcome.exit_code == 2
    assert ":p@" not in outcome.stderr


def test_a_limit_that_is_none_is_wrong_usage(airgap: Command, ready: Path) -> None:
    for text in ("fast", "0MB/s"):
        outcome = airgap("store", "push", "registry.example:5000", "--limit", text)
        assert outcome.exit_code == 2
        assert "rate" in outcome.stderr
