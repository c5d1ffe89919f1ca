"""Images in Talos machine configuration, as Talos 1.9 to 1.13 read it, and in what carries it."""

from __future__ import annotations

import pytest

from tests.workloads.manifests import images_of, scanned

__all__: list[str] = []

# field names: siderolabs/talos pkg/machinery/config/types/v1alpha1/v1alpha1_types.go
CONFIG = """
version: v1alpha1
machine:
  type: controlplane
  install: {disk: /dev/sda, image: ghcr.io/siderolabs/installer:v1.11.5}
  kubelet: {image: ghcr.io/siderolabs/kubelet:v1.34.1}
  pods:
    - apiVersion: v1
      kind: Pod
      metadata: {name: static}
      spec: {containers: [{name: web, image: nginx:1.27.3}]}
cluster:
  apiServer: {image: registry.k8s.io/kube-apiserver:v1.34.1}
  controllerManager: {image: registry.k8s.io/kube-controller-manager:v1.34.1}
  scheduler: {image: registry.k8s.io/kube-scheduler:v1.34.1}
  proxy: {image: registry.k8s.io/kube-proxy:v1.34.1}
  etcd: {image: gcr.io/etcd-development/etcd:v3.6.5}
  coreDNS: {image: registry.k8s.io/coredns/coredns:v1.12.4}
  inlineManifests:
    - name: cilium
      contents: |
        apiVersion: apps/v1
        kind: DaemonSet
        metadata: {name: cilium, namespace: kube-system}
        spec: {template: {spec: {containers: [{name: agent, image: quay.io/cilium/cilium:v1.18}]}}}
---
apiVersion: v1alpha1
kind: RegistryMirrorConfig
name: ghcr.io
"""
INNER = "{kind: Pod, spec: {containers: [{image: ghcr.io/siderolabs/installer:v1.11.5}]}}"
CARRIED = "machine: {install: {image: ghcr.io/siderolabs/installer:v1.11.5}}"


def test_every_image_of_a_machine_configuration_is_found() -> None:
    expected = {
        "ghcr.io/siderolabs/installer:v1.11.5": "machine.install.image",
        "ghcr.io/siderolabs/kubelet:v1.34.1": "machine.kubelet.image",
        "docker.io/library/nginx:1.27.3": "machine.pods[0].spec.containers[0].image",
        "registry.k8s.io/kube-apiserver:v1.34.1": "cluster.apiServer.image",
        "registry.k8s.io/kube-controller-manager:v1.34.1": "cluster.controllerManager.image",
        "registry.k8s.io/kube-scheduler:v1.34.1": "cluster.scheduler.image",
        "registry.k8s.io/kube-proxy:v1.34.1": "cluster.proxy.image",
        "gcr.io/etcd-development/etcd:v3.6.5": "cluster.etcd.image",
        "registry.k8s.io/coredns/coredns:v1.12.4": "cluster.coreDNS.image",
        "quay.io/cilium/cilium:v1.18": (
            "cluster.inlineManifests[0] cilium → DaemonSet kube-system/cilium → "
            "spec.template.spec.containers[0].image"
        ),
    }
    assert images_of(CONFIG) == {
        image: (f"web.yaml → machine configuration → {path}",) for image, path in expected.items()
    }


def test_what_machines_fetch_by_themselves_is_unseen() -> None:
    text = "cluster: {extraManifests: ['https://a.example/x.yaml'], network: {cni: {name: none}}}"
    assert scanned(text).unseen == (
        (
            "web.yaml → machine configuration → cluster.extraManifests[0]: "
            "machines fetch https://a.example/x.yaml"
        ),
    )


@pytest.mark.parametrize(
    ("version", "kind", "spec", "path"),
    [
        (
            "metal.sidero.dev/v1alpha2",
            "ServerClass",
            f"{{strategicPatches: ['{CARRIED}']}}",
            "spec.strategicPatches[0] → machine configuration → machine.install.image",
        ),
        (
            "controlplane.cluster.x-k8s.io/v1alpha3",
            "TalosControlPlane",
            f"{{controlPlaneConfig: {{controlplane: {{strategicPatches: ['{CARRIED}']}}}}}}",
            (
                "spec.controlPlaneConfig.controlplane.strategicPatches[0] → "
                "machine configuration → machine.install.image"
            ),
        ),
        (
            "bootstrap.cluster.x-k8s.io/v1alpha3",
            "TalosConfigTemplate",
            f"{{template: {{spec: {{strategicPatches: ['{CARRIED}']}}}}}}",
            (
                "spec.template.spec.strategicPatches[0] → machine configuration → "
                "machine.install.image"
            ),
        ),
        (
            "metal.sidero.dev/v1alpha2",
            "Server",
            (
                "{configPatches: [{op: replace, path: /machine/install/image,"
                " value: 'ghcr.io/siderolabs/installer:v1.11.5'}, {op: remove, path: /machine/x}]}"
            ),
            "spec.configPatches → machine.install.image",
        ),
        (
            "metal.sidero.dev/v1alpha2",
            "ServerClass",
            (
                "{configPatches: [{op: add, path: /machine/install,"
                " value: {image: 'ghcr.io/siderolabs/installer:v1.11.5'}}]}"
            ),
            "spec.configPatches → machine.install.image",
        ),
        (
            "metal.sidero.dev/v1alpha2",
            "ServerClass",
            (
                "{configPatches: [{op: add, path: /cluster/inlineManifests/-, value: {name: a,"
                f" contents: '{INNER}'}}}}]}}"
            ),
            "spec.configPatches → cluster.inlineManifests[0] a → Pod → spec.containers[0].image",
        ),
    ],
)
def test_machine_configuration_inside_an_object_is_read(
    version: str, kind: str, spec: str, path: str
) -> None:
    text = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: gpu}}\nspec: {spec}\n"
    assert images_of(text) == {
        "ghcr.io/siderolabs/installer:v1.11.5": (f"web.yaml → {kind} gpu → {path}",)
    }


def test_a_file_of_json_patches_is_machine_configuration() -> None:
    text = "- {op: add, path: /machine/kubelet/image, value: 'ghcr.io/siderolabs/kubelet:v1.34.1'}"
    assert images_of(text) == {
        "ghcr.io/siderolabs/kubelet:v1.34.1": (
            "web.yaml → machine configuration → machine.kubelet.image",
        )
    }


def test_json_patches_find_images_at_and_behind_an_index() -> None:
    """RFC 6902 section 4.1, RFC 6901 section 4: an index, or `-` behind the last item."""
    text = """
- {op: replace, path: /machine/install/extensions/0/image, value: 'ghcr.io/siderolabs/a:1'}
- {op: add, path: /machine/pods/1/spec/containers/0/image, value: 'quay.io/b:1'}
- {op: add, path: /machine/pods/1/spec/containers/0/env/-, value: {name: A_IMAGE, value: q.io/c:1}}
- op: replace
  path: /cluster/inlineManifests/0/contents
  value: '{kind: Pod, spec: {containers: [{image: quay.io/d:1}]}}'
- {op: add, path: /cluster/inlineManifests/3000000000/contents, value: '{kind: Pod, spec:
  {containers: [{image: quay.io/e:1}]}}'}
- {op: add, path: /machine/pods/-, value: {kind: Pod, spec: {containers: [{image: quay.io/f:1}]}}}
- {op: add, path: /machine/pods/2/spec/initContainers, value: [{image: quay.io/g:1}]}
"""
    chains = images_of(text)
    assert list(chains) == [
        "ghcr.io/siderolabs/a:1",
        "q.io/c:1",
        *(f"quay.io/{name}:1" for name in "bdefg"),
    ]
    start = "web.yaml → machine configuration → "
    assert chains["quay.io/b:1"] == (f"{start}machine.pods[1].spec.containers[0].image",)
    assert chains["ghcr.io/siderolabs/a:1"] == (f"{start}machine.install.extensions[0].image",)


def test_json_patches_that_do_not_fit_together_lose_nothing() -> None:
    text = """
- {op: add, path: /machine/pods/0/spec/containers/0/image, value: 'quay.io/a:1'}
- {op: add, path: /machine/pods/named/spec/containers/0/image, value: 'quay.io/b:1'}
- {op: add, path: /machine/kubelet/image, value: 'quay.io/c:1'}
- {op: add, path: /machine/kubelet/image/x, value: 'quay.io/d:1'}
- {op: replace, path: '', value: {machine: {kubelet: {image: 'quay.io/e:1'}}}}
"""
    assert list(images_of(text)) == [f"quay.io/{name}:1" for name in "abce"]


def test_a_json_patch_that_replaces_an_image_leaves_the_last_one() -> None:
    text = """
- {op: add, path: /machine/kubelet/image, value: 'quay.io/a:1'}
- {op: replace, path: /machine/kubelet, value: {image: 'quay.io/b:1'}}
"""
    assert list(images_of(text)) == ["quay.io/b:1"]
