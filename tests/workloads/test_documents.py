"""What is a manifest, what is none, and what is said of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.workloads import Field, parse_path, scan
from tests.workloads.manifests import images_of, scanned

__all__: list[str] = []

POD = "kind: Pod\nmetadata: {name: a}\nspec: {containers: [{image: 'quay.io/a:1'}]}\n"


@pytest.mark.parametrize(
    "text",
    [
        f"# a comment\n---\n{POD}",
        f"%YAML 1.1\n---\n{POD}...\n",
        f"---\n---\n# nothing\n--- # one\n{POD}---\n",
        POD.replace("\n", "\r\n"),
        '{"kind":"Pod",\n\t"metadata":{"name":"a"},"spec":{"containers":[{"image":"quay.io/a:1"}]}}',
        "{kind: Pod, metadata: {name: a}, spec: {containers: [{image: quay.io/a:1}]}}",
    ],
)
def test_documents_are_parted_as_yaml_has_them(text: str) -> None:
    assert images_of(text) == {"quay.io/a:1": ("web.yaml → Pod a → spec.containers[0].image",)}


def test_a_tag_stays_the_text_it_is() -> None:
    text = """
      apiVersion: example.org/v1
      kind: Thing
      spec: {image: {repository: quay.io/a, tag: 1.20}}
    """
    field = Field(kind="Thing", group=None, steps=("spec", "image"))
    assert list(scanned(text, own=[field]).images) == ["quay.io/a:1.20"]


def test_definitions_name_no_image() -> None:
    text = f"""
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: things.example.org}}
spec: {{versions: [{{schema: {{containers: [{{image: "not:an:image"}}]}}}}]}}
---
{POD}"""
    assert list(images_of(text)) == ["quay.io/a:1"]


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("kind: Pod\nspec: [", "line 2", "not YAML", "expected Kubernetes manifests"),
        (f"{POD}---\na: {{}}\nb: [\n", "line 6", "not YAML", ""),
        ("kind: Pod\nname: {{ .Release.Name }}\n", "line 2", "a template", "helm template"),
        ("{{- if .Values.x }}\nkind: Pod\n{{- end }}\n", "line 1", "a template", "helm template"),
        ("kind: !Secret x\n", "line 1", "not YAML", ""),
        ("just text", "line 1", "is no object", ""),
        ("image: {repository: a}\nreplicas: 1\n", "line 1", "no kind", "helm template"),
        ("resources: [a.yaml]\n", "line 1", "no kind", "kubectl kustomize"),
        (
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
            "line 1",
            "no object",
            "kubectl kustomize",
        ),
        ("a: " + "[" * 5000, "line 1", "not YAML", ""),
    ],
)
def test_what_is_no_manifest_is_told_with_its_place(
    text: str, place: str, message: str, hint: str
) -> None:
    (problem,) = scan(text, file="web.yaml").problems
    assert problem.path == f"web.yaml → {place}"
    assert message in problem.message
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("image", "message", "hint"),
    [
        ("nginx", "'nginx' has no tag, which means docker.io/library/nginx:latest", "pin a tag"),
        ("{{ .Values.image }}", "is a template's", "helm template"),
        ("${REGISTRY}/web:1", "is not an image reference", "registry/repository:tag"),
        ("Quay.io/A:1", "is not an image reference", ""),
        ("user:pass@host/a b", "is not an image reference", ""),
    ],
)
def test_an_image_that_cannot_be_locked_is_told_with_its_place(
    image: str, message: str, hint: str
) -> None:
    (problem,) = scan(POD.replace("quay.io/a:1", image), file="web.yaml").problems
    assert problem.path == "web.yaml → Pod a → spec.containers[0].image"
    assert message in problem.message
    assert hint in problem.hint
    assert "pass" not in problem.message


def test_a_missing_tag_means_latest_where_that_is_allowed() -> None:
    # Kubernetes, "Images": without tag and digest the tag latest is meant
    latest = "docker.io/library/nginx:latest"
    text = POD.replace("quay.io/a:1", "nginx")
    assert list(scanned(text, allowed=[latest]).images) == [latest]


def test_aliases_of_aliases_do_not_keep_anybody_busy() -> None:
    lines = ["kind: Pod", "a0: &a0 [{x: [1]}, {x: [1]}]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    (problem,) = scan("\n".join(lines), file="web.yaml").problems
    assert "more values than can be looked at" in problem.message


def test_aliases_of_long_lists_do_not_keep_anybody_busy() -> None:
    text = f"kind: Pod\nlong: &long [{'x, ' * 5000}]\nall:\n" + "- *long\n" * 20_000
    (problem,) = scan(text, file="web.yaml").problems
    assert "more values than can be looked at" in problem.message


def test_what_a_controller_renders_is_unseen_and_said() -> None:
    text = """
      apiVersion: helm.toolkit.fluxcd.io/v2
      kind: HelmRelease
      metadata: {name: podinfo, namespace: apps}
      spec: {chart: {spec: {chart: podinfo}}}
    """
    found = scanned(text)
    assert found.images == {}
    (unseen,) = found.unseen
    assert unseen.startswith("web.yaml → HelmRelease apps/podinfo → spec: a chart that Flux")


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("spec.image", ("spec", "image")),
        ("spec.pools[].image", ("spec", "pools", "[]", "image")),
        ("spec.rows[][].image", ("spec", "rows", "[]", "[]", "image")),
        (
            'metadata.annotations["sidecar.istio.io/proxyImage"]',
            ("metadata", "annotations", "sidecar.istio.io/proxyImage"),
        ),
        ('["a.b"].c', ("a.b", "c")),
    ],
)
def test_a_path_leads_step_by_step(text: str, steps: tuple[str, ...]) -> None:
    assert parse_path(text) == steps


@pytest.mark.parametrize("text", ["", ".a", "a.", "a..b", "a[0]", "[]", "a[]b", "a b"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no path"):
        parse_path(text)


_TEXT = st.sampled_from(
    ["kind", "List", "Pod", "spec", "containers", "image", "a:1", "machine", "items", "data", "x"]
)
_TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(_TREES | st.text(max_size=60))
def test_no_text_makes_it_stumble(value: object) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    found = scan(text, file="web.yaml")
    assert all(reference.count(":") for reference in found.images)


def test_odd_keys_and_lists_of_lists_are_no_trouble() -> None:
    nested: dict[str, object] = {"kind": "Pod", "spec": {"containers": [{"image": "a:1"}]}}
    for _ in range(50):
        nested = {"kind": "List", "items": [nested]}
    (problem,) = scan(json.dumps(nested), file="web.yaml").problems
    assert "lists of lists" in problem.message
    assert images_of("kind: ConfigMap\ndata: {~: a/b:1, ? 1 : x}\n") == {}
