"""The lock document: canonical text, strict reading, fitness for its site, merging in git."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airgap.errors import AirgapError, LockError, PublishError
from airgap.lock import (
    SITE_IMAGES,
    AssetPin,
    ImagePin,
    Lock,
    PlatformPin,
    SchematicPin,
    check_lock,
    fingerprint,
    format_lock,
    parse_lock,
    read_lock,
    write_lock,
)
from airgap.site.model import Site

CANONICAL = "customization: {}\n"
IMAGES = (
    "docker.io/library/nginx:1.27.3",
    "ghcr.io/siderolabs/kubelet:v1.34.1",
    "registry.k8s.io/pause:3.10",
)


def pin(text: str, *needed_by: str) -> ImagePin:
    """Pin an image to a digest made of a text."""
    digest = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    return ImagePin(
        digest=digest,
        media_type="application/vnd.oci.image.index.v1+json",
        size=10,
        platforms={"linux/amd64": PlatformPin(digest=digest, size=5)},
        need="workloads",
        needed_by=needed_by or (SITE_IMAGES,),
    )


def make_site(**changes: object) -> Site:
    """Make a small site."""
    values: dict[str, object] = {
        "schemaVersion": 1,
        "talos": {"versions": ["v1.11.5"]},
        "images": [IMAGES[0]],
        "registry": {"kind": "existing", "endpoints": [{"url": "https://r.example:5000"}]},
        "assetMirror": {"kind": "embedded", "url": "https://a.example"},
        "sidero": {"version": "v0.6.13"},
        "environments": [{"name": "metal", "talos": "v1.11.5"}],
        "serverClasses": [{"name": "gpu", "environment": "metal", "extensions": ["s/iscsi-tools"]}],
    }
    return Site.model_validate(values | changes)


def make_lock(site: Site) -> Lock:
    """Make a lock that fits."""
    return Lock(
        inputs=fingerprint(site),
        images={IMAGES[0]: pin("a"), IMAGES[1]: pin("b", "x"), IMAGES[2]: pin("c", "x")},
        assets={
            "v1.11.5/vmlinuz-amd64": AssetPin(
                sha256="sha256:" + "a" * 64,
                sha512="sha512:" + "b" * 128,
                size=7,
                url="https://github.com/x",
                needed_by=("environment metal",),
            )
        },
        extensions={"v1.11.5": {"s/iscsi-tools": f"ghcr.io/s/iscsi-tools:v1@sha256:{'c' * 64}"}},
        schematics={
            hashlib.sha256(CANONICAL.encode()).hexdigest(): SchematicPin(
                canonical=CANONICAL, classes=("gpu",)
            )
        },
    )


def test_a_written_lock_reads_back_and_writes_the_same_bytes(tmp_path: Path) -> None:
    lock, path = make_lock(make_site()), tmp_path / "berlin.lock.json"
    write_lock(path, lock)
    first = path.read_bytes()
    assert read_lock(path) == lock
    write_lock(path, read_lock(path))
    assert path.read_bytes() == first
    assert [entry.name for entry in tmp_path.iterdir()] == ["berlin.lock.json"]


def test_the_text_is_sorted_indented_utf8_with_a_final_newline() -> None:
    text = format_lock(make_lock(make_site(images=[])))
    tree = json.loads(text)
    assert text == json.dumps(tree, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert list(tree["images"]) == sorted(tree["images"])


@settings(deadline=None)
@given(st.lists(st.from_regex(r"[a-z]{1,9}", fullmatch=True), unique=True, max_size=8))
def test_the_order_of_making_leaves_no_trace(names: list[str]) -> None:
    lock = make_lock(make_site())
    pins = {f"docker.io/library/{name}:1": pin(name) for name in names}
    backwards = dict(reversed(pins.items()))
    assert format_lock(lock.model_copy(update={"images": pins})) == format_lock(
        lock.model_copy(update={"images": backwards})
    )


def test_a_failed_write_leaves_the_old_lock(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "berlin.lock.json"
    with pytest.raises(PublishError, match="cannot write the lock"):
        write_lock(path, make_lock(make_site()))


def test_a_missing_lock_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(LockError, match="there is no lock") as caught:
        read_lock(tmp_path / "berlin.lock.json")
    assert "python -m airgap lock berlin" in caught.value.diagnostics()


def test_a_newer_locks_version_is_refused_before_its_contents() -> None:
    with pytest.raises(LockError, match="reads version 1, not 2") as caught:
        parse_lock('{"lockVersion": 2, "whatever": 1}')
    assert "newer release" in caught.value.diagnostics()


def test_all_faults_of_a_lock_are_told_at_once() -> None:
    tree = json.loads(format_lock(make_lock(make_site())))
    tree["images"][IMAGES[0]]["digest"] = "sha256:abc"
    tree["extra"] = 1
    with pytest.raises(LockError) as caught:
        parse_lock(json.dumps(tree))
    assert {fault.path for fault in caught.value.faults} == {"extra", f"images.{IMAGES[0]}.digest"}


def test_a_schematic_under_anothers_id_and_a_key_that_names_nothing_are_refused() -> None:
    tree = json.loads(format_lock(make_lock(make_site())))
    tree["schematics"] = {"0" * 64: {"canonical": CANONICAL, "classes": []}}
    tree["images"]["nothing"] = tree["images"][IMAGES[0]]
    tree["assets"]["../vmlinuz"] = tree["assets"]["v1.11.5/vmlinuz-amd64"]
    with pytest.raises(LockError) as caught:
        parse_lock(json.dumps(tree))
    assert len(caught.value.faults) == 3


@pytest.mark.parametrize(
    ("text", "hint"), [("<<<<<<< ours\n{}", "merge conflict"), ("{", "lock"), ("[]", "lock")]
)
def test_text_that_is_no_lock_is_refused_with_what_to_do(text: str, hint: str) -> None:
    with pytest.raises(LockError) as caught:
        parse_lock(text)
    assert hint in caught.value.diagnostics()


@pytest.mark.parametrize("text", ["", " \n", "{}", "[]", "{", '{"lockVersion": 1}'])
def test_a_damaged_lock_file_is_to_be_taken_from_git(tmp_path: Path, text: str) -> None:
    """`lock` refuses it, and anew every pin is lost: git's comes first."""
    path = tmp_path / "berlin.lock.json"
    path.write_text(text)
    with pytest.raises(LockError) as caught:
        read_lock(path)
    told = caught.value.diagnostics()
    _, _, hint = told.partition("  → ")
    assert hint.startswith("take the one in git: git checkout -- stacks/berlin.lock.json;")
    assert "python -m airgap lock berlin" in hint
    assert "None" not in told


def test_a_lock_fits_the_site_it_was_made_for() -> None:
    check_lock(make_site(), make_lock(make_site()))


@pytest.mark.parametrize(
    "changes",
    [
        {"registry": {"kind": "existing", "endpoints": [{"url": "https://other:5000"}]}},
        {"assetMirror": {"kind": "directory", "url": "https://b.example", "path": "/srv"}},
        {"nodes": {"timeServers": ["10.0.0.1"]}},
        {"sidero": {"version": "v0.6.13", "delivery": "cluster", "flavour": "airgap"}},
        {"upstream": {"releases": "https://cache.example"}},
    ],
)
def test_mirrors_paths_and_delivery_are_no_part_of_the_fingerprint(
    changes: dict[str, object],
) -> None:
    check_lock(make_site(**changes), make_lock(make_site()))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"talos": {"versions": ["v1.11.6"]}},
            "talos.versions: lock has [v1.11.5], site has [v1.11.6]",
        ),
        ({"sidero": {"version": "v0.6.12"}}, "sidero.version: lock has v0.6.13, site has v0.6.12"),
        (
            {"kubernetes": {"versions": ["v1.33.1"]}},
            "kubernetes.versions: lock has [], site has [v1.33.1]",
        ),
        (
            {"architectures": ["amd64", "arm64"]},
            "architectures: lock has [amd64], site has [amd64, arm64]",
        ),
        ({"images": []}, f"images: lock has {IMAGES[0]}, site has nothing"),
        (
            {"images": [IMAGES[0], "redis:7"]},
            "images: lock has nothing, site has docker.io/library/redis:7",
        ),
        (
            {"serverClasses": [{"name": "gpu", "environment": "metal"}]},
            "serverClasses.gpu.extensions: lock has [s/iscsi-tools], site has []",
        ),
        (
            {"imageFactory": {"kind": "existing", "version": "v1.5.0"}},
            "imageFactory: lock has none, site has existing v1.5.0",
        ),
    ],
)
def test_a_lock_that_does_not_fit_names_the_key_and_the_command(
    changes: dict[str, object], line: str
) -> None:
    with pytest.raises(AirgapError) as caught:
        check_lock(make_site(**changes), make_lock(make_site()), name="berlin")
    assert line in caught.value.diagnostics()
    assert "python -m airgap lock berlin" in caught.value.diagnostics()


def test_a_digest_in_the_site_has_to_be_the_locked_one() -> None:
    other = f"{IMAGES[0]}@sha256:{'f' * 64}"
    with pytest.raises(LockError, match=r"nginx:1\.27\.3: lock has sha256:.* site has sha256:ffff"):
        check_lock(make_site(images=[other]), make_lock(make_site()))


NAMED = "docker.io/library/redis:7.4"
CHAINS = ("web.yaml → Deployment shop/web → spec.template.spec.containers[0].image",)


def _with_manifest(images: dict[str, tuple[str, ...]]) -> Site:
    return make_site(manifests=[{"path": "web.yaml", "images": images}])


def test_an_image_of_a_manifest_that_is_not_locked_is_told_with_its_chain() -> None:
    with pytest.raises(LockError) as caught:
        check_lock(_with_manifest({NAMED: (*CHAINS, "b", "c")}), make_lock(make_site()))
    (fault,) = caught.value.faults
    assert fault.message == (
        f"lock does not have {NAMED}, which is named by manifests[0] → web.yaml → Deployment "
        "shop/web → spec.template.spec.containers[0].image, and 2 more places"
    )
    assert "python -m airgap lock" in caught.value.diagnostics()


def _locked_for_manifest() -> Lock:
    lock = make_lock(make_site())
    return lock.model_copy(
        update={"images": {**lock.images, NAMED: pin("redis", "manifest web.yaml")}}
    )


def test_a_lock_with_the_manifests_images_fits() -> None:
    check_lock(_with_manifest({NAMED: CHAINS, IMAGES[0]: CHAINS}), _locked_for_manifest())


def test_a_manifest_may_move_without_a_new_lock() -> None:
    site = make_site(manifests=[{"path": "moved.yaml", "images": {NAMED: CHAINS}}])
    check_lock(site, _locked_for_manifest())


def test_an_image_that_no_manifest_names_any_more_makes_the_lock_stale() -> None:
    with pytest.raises(LockError, match=f"lock has {NAMED} for manifest web.yaml, site has no"):
        check_lock(make_site(), _locked_for_manifest())


def test_a_digest_in_a_manifest_has_to_be_the_locked_one() -> None:
    other = f"{NAMED}@sha256:{'f' * 64}"
    with pytest.raises(LockError, match=r"as sha256:.*, not as sha256:ffff.*Deployment shop/web"):
        check_lock(_with_manifest({other: CHAINS}), _locked_for_manifest())


def test_a_stated_component_and_the_management_cluster_are_part_of_the_fingerprint() -> None:
    site = make_site(
        talos={"versions": ["v1.11.5"], "components": {"v1.11.5": {"pause": "3.10.1"}}},
        management={"clusterApi": "v1.10.4"},
    )
    with pytest.raises(LockError) as caught:
        check_lock(site, make_lock(make_site()))
    assert [str(fault) for fault in caught.value.faults] == [
        "talos.components.v1.11.5.pause: lock has nothing, site has 3.10.1",
        "management.clusterApi: lock has nothing, site has v1.10.4",
    ]
    check_lock(site, parse_lock(format_lock(make_lock(site))))


def test_what_is_not_stated_leaves_no_trace_in_the_lock() -> None:
    inputs = json.loads(format_lock(make_lock(make_site())))["inputs"]
    assert not {"components", "management"} & inputs.keys()


def test_branches_that_add_different_images_merge_without_conflict(tmp_path: Path) -> None:
    base = make_lock(make_site())
    added = {"ours": "docker.io/library/httpd:2.4", "theirs": "quay.io/prometheus/prometheus:v3"}
    for name, lock in {
        "base": base,
        **{
            side: base.model_copy(update={"images": {**base.images, image: pin(image)}})
            for side, image in added.items()
        },
    }.items():
        write_lock(tmp_path / name, lock)
    merged = subprocess.run(
        ["git", "merge-file", "-p", "ours", "base", "theirs"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert merged.returncode == 0, merged.stdout
    assert parse_lock(merged.stdout).images.keys() == {*base.images, *added.values()}
