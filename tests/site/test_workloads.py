"""A site's manifests are read when the site is, and what they name is filled in."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from airgap.errors import SiteError
from airgap.site.load import load_site
from airgap.site.model import Site
from tests.site.documents import Raw, changed, faults_of, minimal, parsed

__all__: list[str] = []

POD = b"kind: Pod\nmetadata: {name: a}\nspec: {containers: [{image: 'quay.io/a:1'}]}\n"
CHAIN = "Pod a → spec.containers[0].image"


def _with(*manifests: object, **more: object) -> Raw:
    return minimal() | {"manifests": list(manifests)} | more


def test_a_file_and_its_images_are_filled_in() -> None:
    site = parsed(_with("apps/a.yaml", {"path": "b.json"}), {"apps/a.yaml": POD, "b.json": POD})

    assert site.manifests[0].images == {"quay.io/a:1": (f"apps/a.yaml → {CHAIN}",)}
    assert site.manifests[1].images == {"quay.io/a:1": (f"b.json → {CHAIN}",)}


@pytest.fixture
def stack_file(tmp_path: Path) -> Path:
    path = tmp_path / "stacks/Pulumi.berlin.yaml"
    path.parent.mkdir()
    return path


def _load(stack_file: Path, value: Raw) -> Site:
    stack_file.write_text(yaml.safe_dump({"config": {"sidero-airgap:site": value}}))
    return load_site(stack_file)


def test_a_directory_is_every_manifest_in_it_and_below(stack_file: Path) -> None:
    apps = stack_file.parent.parent / "apps"
    (apps / "chart/templates").mkdir(parents=True)
    (apps / ".git").mkdir()
    for name in ("b.yml", "chart/templates/a.yaml", ".git/c.yaml", ".hidden.yaml"):
        (apps / name).write_bytes(POD)
    (apps / "README.md").write_text("{{ not a manifest }}")

    site = _load(stack_file, _with("../apps"))

    assert site.manifests[0].images == {
        "quay.io/a:1": (f"../apps/b.yml → {CHAIN}", f"../apps/chart/templates/a.yaml → {CHAIN}")
    }


def test_an_empty_directory_and_a_missing_file_are_faults(stack_file: Path) -> None:
    (stack_file.parent / "empty").mkdir()
    with pytest.raises(SiteError) as caught:
        _load(stack_file, _with("empty", "gone.yaml"))

    assert [(fault.path, fault.message) for fault in caught.value.faults] == [
        ("site.manifests[0].path", "'empty' holds no manifest"),
        ("site.manifests[1].path", "'gone.yaml' cannot be read: No such file or directory"),
    ]


def test_every_fault_of_every_manifest_is_told_with_its_chain() -> None:
    bare = POD.replace(b"quay.io/a:1", b"nginx")
    faults = faults_of(
        _with("a.yaml", "b.yaml", "c.yaml"),
        {"a.yaml": POD + b"---\nname: {{ .Values.name }}\n", "b.yaml": bare, "c.yaml": b"\xff"},
    )

    assert [(fault.path, fault.message) for fault in faults] == [
        ("site.manifests[0].path", "a.yaml → line 5: a template, no manifest"),
        (
            "site.manifests[1].path",
            f"b.yaml → {CHAIN}: 'nginx' has no tag, which means docker.io/library/nginx:latest",
        ),
        ("site.manifests[2].path", "'c.yaml' is not UTF-8"),
    ]
    assert "add docker.io/library/nginx:latest to images" in faults[1].hint


def test_a_tag_may_be_missing_where_the_site_lists_latest() -> None:
    bare = POD.replace(b"quay.io/a:1", b"nginx")
    site = parsed(_with("a.yaml", images=["nginx:latest"]), {"a.yaml": bare})

    assert list(site.manifests[0].images) == ["docker.io/library/nginx:latest"]


def test_image_paths_add_fields_to_kinds() -> None:
    thing = b"apiVersion: example.org/v1\nkind: Thing\nspec: {image: 'quay.io/b:2'}\n"
    own = [{"kind": "Thing", "group": "example.org", "paths": ["spec.image", "spec.other"]}]
    site = parsed(_with("a.yaml", imagePaths=own), {"a.yaml": thing})

    assert site.manifests[0].images == {"quay.io/b:2": ("a.yaml → Thing → spec.image",)}


@pytest.mark.parametrize(
    ("item", "path", "message"),
    [
        (
            {"kind": "Thing", "paths": ["spec.imagee"]},
            "site.imagePaths[0]",
            "leads to no image in any Thing of the manifests",
        ),
        (
            {"kind": "Thing", "paths": ["spec.image", "spec..x"]},
            "site.imagePaths[0].paths[1]",
            "'spec..x' is no path",
        ),
    ],
)
def test_an_image_path_that_leads_nowhere_is_told(item: Raw, path: str, message: str) -> None:
    thing = b"apiVersion: example.org/v1\nkind: Thing\nspec: {image: 'quay.io/b:2'}\n"
    (fault,) = faults_of(_with("a.yaml", imagePaths=[item]), {"a.yaml": thing})

    assert (fault.path, fault.message) == (path, message)


def test_what_the_program_fills_in_is_not_written_by_hand() -> None:
    faults = faults_of(_with({"path": "a.yaml", "images": {"quay.io/a:1": []}}), {"a.yaml": POD})

    assert [fault.path for fault in faults] == ["site.manifests[0].images"]


def test_a_manifest_stands_once() -> None:
    faults = faults_of(_with("a.yaml", "./a.yaml"), {"a.yaml": POD, "./a.yaml": POD})

    assert [(fault.path, fault.message) for fault in faults] == [
        ("site.manifests[1].path", "'a.yaml' is item 0 already")
    ]


def test_a_broken_manifest_hides_no_other_fault() -> None:
    value = changed((("sidero", "flavour"), "mild"), (("manifests",), ["gone.yaml"]))
    paths = {fault.path for fault in faults_of(value)}

    assert paths == {"site.sidero.flavour", "site.manifests[0].path"}


THING = (
    b"kind: Thing\nmetadata: {name: a}\nspec: {urls: ['https://b.example', 'https://a.example']}\n"
)
INGRESS = (
    b"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\n"
    b"spec: {rules: [{host: a.example}, {host: '*.apps.example'}]}\n"
)


def test_hosts_are_filled_in_with_their_first_place_and_sorted() -> None:
    site = parsed(_with("apps/a.yaml", "b.yaml"), {"apps/a.yaml": THING, "b.yaml": POD})

    assert list(site.manifests[0].hosts.items()) == [
        ("a.example", "apps/a.yaml → Thing a → spec.urls[1]"),
        ("b.example", "apps/a.yaml → Thing a → spec.urls[0]"),
    ]
    assert site.manifests[1].hosts == {}


def test_of_a_directory_the_first_file_is_told(stack_file: Path) -> None:
    apps = stack_file.parent / "apps"
    apps.mkdir()
    for name in ("b.yaml", "a.yaml"):
        (apps / name).write_bytes(THING)

    hosts = _load(stack_file, _with("apps")).manifests[0].hosts
    assert hosts["a.example"] == "apps/a.yaml → Thing a → spec.urls[1]"


@pytest.mark.parametrize(
    ("host", "is_named"),
    [
        ("a.example", False),
        ("a.example:8443", False),
        ("b.example", True),
        ("shop.apps.example", False),
        ("apps.example", True),
        ("deep.shop.apps.example", True),  # a wildcard is one label (Ingress, Gateway API)
    ],
)
def test_what_another_manifest_of_the_site_serves_is_inside(host: str, *, is_named: bool) -> None:
    thing = f"kind: Thing\nmetadata: {{name: a}}\nspec: {{url: 'https://{host}/'}}\n".encode()
    site = parsed(_with("a.yaml", "b.yaml"), {"a.yaml": thing, "b.yaml": INGRESS})

    assert list(site.manifests[0].hosts) == ([host] if is_named else [])


def test_hosts_are_not_written_by_hand() -> None:
    faults = faults_of(_with({"path": "a.yaml", "hosts": {"a.example": "x"}}), {"a.yaml": POD})

    assert [fault.path for fault in faults] == ["site.manifests[0].hosts"]
