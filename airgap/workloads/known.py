"""Fields of custom resources that name images outside any pod spec, as their projects define them.

Containers in a pod's shape are found in every kind (`airgap.workloads.pods`); these are others.
Sources, by group: the projects' API references (prometheus-operator.dev, cloudnative-pg.io image
catalog 1.30, elastic.co cloud-on-k8s API, rook.io CephCluster, kubevirt.io user guide,
argoproj/argo-workflows fields, tekton.dev v1, knative caching.internal v1alpha1,
strimzi.io Kafka v1beta2). A site adds its own by `imagePaths`.
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.workloads.fields import Field, fields

__all__ = ["RENDERED_INSIDE", "json_patches_of", "known_fields_of", "strategic_patches_of"]

_ARGO_TEMPLATE = ("container.image", "script.image", "sidecars[].image")
_TEKTON_TASK = ("steps[].image", "stepTemplate.image", "sidecars[].image")


def _argo(spec: str) -> Iterator[str]:
    """Yield the paths of a workflow's spec."""
    template = f"{spec}.templates[]"
    places = (
        template,
        f"{spec}.templateDefaults",
        f"{template}.steps[][].inline",
        f"{template}.dag.tasks[].inline",
    )
    return (f"{place}.{field}" for place in places for field in _ARGO_TEMPLATE)


def _tekton(*places: str) -> Iterator[str]:
    return (f"{place}.{field}" for place in places for field in _TEKTON_TASK)


_PIPELINE = ("tasks[].taskSpec", "finally[].taskSpec")
_VM_SPEC = ("volumes[].containerDisk.image", "domain.firmware.kernelBoot.container.image")
_ECK = {
    "elasticsearch": "Elasticsearch",
    "kibana": "Kibana",
    "apm": "ApmServer",
    "beat": "Beat",
    "agent": "Agent",
    "logstash": "Logstash",
    "maps": "ElasticMapsServer",
    "enterprisesearch": "EnterpriseSearch",
}

_FIELDS: tuple[Field, ...] = (
    *fields(
        "monitoring.coreos.com",
        "Prometheus PrometheusAgent Alertmanager ThanosRuler",
        "spec.image",
        "spec.thanos.image",
    ),
    *fields("postgresql.cnpg.io", "Cluster", "spec.imageName"),
    *fields(
        "postgresql.cnpg.io",
        "ImageCatalog ClusterImageCatalog",
        "spec.images[].image",
        "spec.images[].extensions[].image.reference",
        "spec.componentImages[].image",
    ),
    *(
        field
        for group, kind in _ECK.items()
        for field in fields(f"{group}.k8s.elastic.co", kind, "spec.image")
    ),
    *fields("ceph.rook.io", "CephCluster", "spec.cephVersion.image"),
    *fields(
        "kafka.strimzi.io",
        "Kafka",
        "spec.kafka.image",
        "spec.zookeeper.image",
        "spec.entityOperator.topicOperator.image",
        "spec.entityOperator.userOperator.image",
        "spec.kafkaExporter.image",
        "spec.cruiseControl.image",
    ),
    *fields(
        "kafka.strimzi.io",
        "KafkaConnect KafkaBridge KafkaMirrorMaker2 KafkaMirrorMaker",
        "spec.image",
    ),
    *fields("kubevirt.io", "VirtualMachineInstance", *(f"spec.{path}" for path in _VM_SPEC)),
    *fields(
        "kubevirt.io",
        "VirtualMachine VirtualMachineInstanceReplicaSet",
        *(f"spec.template.spec.{path}" for path in _VM_SPEC),
    ),
    *fields("cdi.kubevirt.io", "DataVolume", "spec.source.registry.url"),
    *fields("caching.internal.knative.dev", "Image", "spec.image"),
    *fields("argoproj.io", "Workflow WorkflowTemplate ClusterWorkflowTemplate", *_argo("spec")),
    *fields("argoproj.io", "CronWorkflow", *_argo("spec.workflowSpec")),
    *fields("tekton.dev", "Task ClusterTask", *_tekton("spec")),
    *fields("tekton.dev", "StepAction", "spec.image"),
    *fields("tekton.dev", "TaskRun", *_tekton("spec.taskSpec")),
    *fields("tekton.dev", "Pipeline", *_tekton(*(f"spec.{place}" for place in _PIPELINE))),
    *fields(
        "tekton.dev",
        "PipelineRun",
        *_tekton(*(f"spec.pipelineSpec.{place}" for place in _PIPELINE)),
    ),
)
# as Sidero v0.6.13, CACPPT v0.5 and CABPT v0.6 define them
_STRATEGIC_PATCHES: tuple[Field, ...] = (
    *fields("metal.sidero.dev", "ServerClass Server", "spec.strategicPatches[]"),
    *fields(
        "controlplane.cluster.x-k8s.io",
        "TalosControlPlane",
        "spec.controlPlaneConfig[].strategicPatches[]",
    ),
    *fields("bootstrap.cluster.x-k8s.io", "TalosConfig", "spec.strategicPatches[]"),
    *fields(
        "bootstrap.cluster.x-k8s.io", "TalosConfigTemplate", "spec.template.spec.strategicPatches[]"
    ),
)

_JSON_PATCHES: tuple[Field, ...] = tuple(
    Field(
        kind=field.kind,
        group=field.group,
        steps=(*field.steps[:-2], "configPatches"),
    )
    for field in _STRATEGIC_PATCHES
)
RENDERED_INSIDE: dict[tuple[str, str], str] = {
    ("helm.toolkit.fluxcd.io", "HelmRelease"): "a chart that Flux renders in the cluster",
    ("kustomize.toolkit.fluxcd.io", "Kustomization"): "what Flux builds in the cluster",
    ("argoproj.io", "Application"): "what Argo CD renders in the cluster",
    ("argoproj.io", "ApplicationSet"): "what Argo CD renders in the cluster",
    ("helm.cattle.io", "HelmChart"): "a chart that is rendered in the cluster",
    ("addons.cluster.x-k8s.io", "HelmChartProxy"): "a chart that is rendered in the cluster",
}
"""Objects whose images show in the cluster only, by group and kind."""


def known_fields_of(kind: str, group: str) -> tuple[Field, ...]:
    """Return the fields of a kind that name an image, beyond pod specs."""
    return tuple(field for field in _BY_KIND.get(kind, ()) if field.is_of(kind, group))


def strategic_patches_of(kind: str, group: str) -> tuple[Field, ...]:
    """Return the fields of a kind that hold machine configuration as text."""
    return tuple(field for field in _STRATEGIC_PATCHES if field.is_of(kind, group))


def json_patches_of(kind: str, group: str) -> tuple[Field, ...]:
    """Return the fields of a kind that hold JSON patches (RFC 6902) of a machine configuration."""
    return tuple(field for field in _JSON_PATCHES if field.is_of(kind, group))


_BY_KIND: dict[str, list[Field]] = {}
for _field in _FIELDS:
    _BY_KIND.setdefault(_field.kind, []).append(_field)
