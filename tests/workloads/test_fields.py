"""Images outside pods: in known fields of custom resources, and in those that a site names."""

from __future__ import annotations

import pytest

from airgap.workloads import Field, parse_path, scan
from tests.workloads.manifests import images_of, scanned

__all__: list[str] = []


# as in the projects' own examples (their API references are named in airgap.workloads.known)
EXAMPLES = [
    (
        "monitoring.coreos.com/v1",
        "Prometheus",
        "{image: 'quay.io/p/prometheus:v3', thanos: {image: 'quay.io/t/thanos:v0.39'}}",
        {"spec.image": "quay.io/p/prometheus:v3", "spec.thanos.image": "quay.io/t/thanos:v0.39"},
    ),
    (
        "postgresql.cnpg.io/v1",
        "Cluster",
        "{imageName: 'ghcr.io/cloudnative-pg/postgresql:17.6'}",
        {"spec.imageName": "ghcr.io/cloudnative-pg/postgresql:17.6"},
    ),
    (
        "postgresql.cnpg.io/v1",
        "ClusterImageCatalog",
        "{images: [{major: 17, image: 'ghcr.io/cloudnative-pg/postgresql:17.6'}]}",
        {"spec.images[0].image": "ghcr.io/cloudnative-pg/postgresql:17.6"},
    ),
    (
        "elasticsearch.k8s.elastic.co/v1",
        "Elasticsearch",
        "{version: 9.1.0, image: 'docker.elastic.co/elasticsearch/elasticsearch:9.1.0'}",
        {"spec.image": "docker.elastic.co/elasticsearch/elasticsearch:9.1.0"},
    ),
    (
        "ceph.rook.io/v1",
        "CephCluster",
        "{cephVersion: {image: 'quay.io/ceph/ceph:v19.2.3'}}",
        {"spec.cephVersion.image": "quay.io/ceph/ceph:v19.2.3"},
    ),
    (
        "kubevirt.io/v1",
        "VirtualMachine",
        "{template: {spec: {volumes: [{containerDisk: {image: 'quay.io/containerdisks/f:1'}}]}}}",
        {"spec.template.spec.volumes[0].containerDisk.image": "quay.io/containerdisks/f:1"},
    ),
    (
        "cdi.kubevirt.io/v1beta1",
        "DataVolume",
        "{source: {registry: {url: 'docker://quay.io/containerdisks/f:1'}}}",
        {"spec.source.registry.url": "quay.io/containerdisks/f:1"},
    ),
    (
        "argoproj.io/v1alpha1",
        "CronWorkflow",
        (
            "{workflowSpec: {templates: [{container: {image: 'quay.io/a:1'}},"
            " {script: {image: 'quay.io/b:1'}},"
            " {steps: [[{inline: {container: {image: c/d:1}}}]]}]}}"
        ),
        {
            "spec.workflowSpec.templates[0].container.image": "quay.io/a:1",
            "spec.workflowSpec.templates[1].script.image": "quay.io/b:1",
            "spec.workflowSpec.templates[2].steps[0][0].inline.container.image": (
                "docker.io/c/d:1"
            ),
        },
    ),
    (
        "tekton.dev/v1",
        "PipelineRun",
        (
            "{pipelineSpec: {tasks: [{taskSpec: {steps: [{image: 'quay.io/a:1'}],"
            " sidecars: [{image: 'quay.io/b:1'}]}}]}}"
        ),
        {
            "spec.pipelineSpec.tasks[0].taskSpec.steps[0].image": "quay.io/a:1",
            "spec.pipelineSpec.tasks[0].taskSpec.sidecars[0].image": "quay.io/b:1",
        },
    ),
]


@pytest.mark.parametrize(("version", "kind", "spec", "images"), EXAMPLES)
def test_known_fields_are_found(version: str, kind: str, spec: str, images: dict[str, str]) -> None:
    text = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\nspec: {spec}\n"
    assert images_of(text) == {
        image: (f"web.yaml → {kind} x → {path}",) for path, image in images.items()
    }


def test_a_kind_of_the_same_name_in_another_group_has_other_fields() -> None:
    text = "apiVersion: example.org/v1\nkind: Prometheus\nspec: {image: 'not an image'}\n"
    assert images_of(text) == {}


def test_an_image_that_a_run_decides_is_unseen() -> None:
    text = """
      apiVersion: tekton.dev/v1
      kind: Task
      metadata: {name: build}
      spec: {steps: [{image: $(params.builder)}, {image: 'quay.io/a:1'}]}
    """
    found = scanned(text)
    assert list(found.images) == ["quay.io/a:1"]
    assert found.unseen == (
        "web.yaml → Task build → spec.steps[0].image: $(params.builder) shows when it runs",
    )


THING = """
apiVersion: example.org/v1
kind: Thing
metadata: {name: t, annotations: {proxy.example.org/image: 'quay.io/proxy:1'}}
spec:
  pools:
    - {image: 'quay.io/a:1'}
    - {image: {registry: quay.io, repository: team/b, tag: '2', digest: null}}
    - {image: {repository: quay.io/team/c, tag: 1.20}}
    - {name: no image}
  more: ['quay.io/d:1', 'quay.io/e:1']
  byName: {one: {image: 'quay.io/f:1'}}
"""


def _field(path: str, group: str | None = None) -> Field:
    return Field(kind="Thing", group=group, steps=parse_path(path))


@pytest.mark.parametrize(
    ("path", "images"),
    [
        ("spec.pools[].image", ["quay.io/a:1", "quay.io/team/b:2", "quay.io/team/c:1.20"]),
        ("spec.more", ["quay.io/d:1", "quay.io/e:1"]),
        ("spec.more[]", ["quay.io/d:1", "quay.io/e:1"]),
        ("spec.byName[].image", ["quay.io/f:1"]),
        ('metadata.annotations["proxy.example.org/image"]', ["quay.io/proxy:1"]),
        ("spec.gone.image", []),
    ],
)
def test_a_site_names_fields_of_its_own(path: str, images: list[str]) -> None:
    found = scanned(THING, own=[_field(path)])
    assert list(found.images) == images
    assert found.fields == (frozenset({_field(path)}) if images else frozenset())


def test_a_tag_that_json_makes_a_number_is_a_problem_that_says_to_quote_it() -> None:
    """RFC 8259 section 6: a number; 1.20 and 1.2 are one. YAML's scalars stay text here."""
    text = '{"kind": "Thing", "apiVersion": "e/1", "spec": {"image": {"name": "a", "tag": 1.20}}}'
    (problem,) = scan(text, file="web.json", own=[_field("spec.image")]).problems
    assert problem.path.endswith("spec.image.tag")
    assert "quote the tag" in problem.hint


def test_a_group_narrows_a_kind() -> None:
    assert list(scanned(THING, own=[_field("spec.more", "example.org")]).images) == [
        "quay.io/d:1",
        "quay.io/e:1",
    ]
    assert scanned(THING, own=[_field("spec.more", "example.com")]).images == {}
