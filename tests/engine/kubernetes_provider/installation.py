"""What Sidero's installation and its manager leave in a cluster, as far as this project sees it.

Sidero v0.6.13: the manager's Deployment (names and containers of its manifest), and the Environment
`default` that it makes, pointing to GitHub.
"""

from typing import Any

from tests.engine.kubernetes_provider.cluster import Cluster

__all__ = ["DEPLOYMENT", "SIDERO", "install_sidero"]

Object = dict[str, Any]  # a Kubernetes object: its kind's business

NAMESPACE: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "sidero-system"}}
DEFAULT: Object = {
    "apiVersion": "metal.sidero.dev/v1alpha2",
    "kind": "Environment",
    "metadata": {"name": "default"},
    "spec": {
        "kernel": {"url": "https://github.com/siderolabs/talos/k", "args": ["console=tty0"]},
        "initrd": {"url": "https://github.com/siderolabs/talos/i"},
    },
}
DEPLOYMENT: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "sidero-controller-manager", "namespace": "sidero-system"},
    "spec": {
        "template": {
            "spec": {
                "containers": [
                    {"name": "manager", "image": "m", "env": [{"name": "API_ENDPOINT"}]},
                    {"name": "siderolink", "image": "m"},
                ],
                "volumes": [{"name": "cert", "secret": {"secretName": "cert"}}],
            }
        }
    },
}
SIDERO = frozenset(
    {"Namespace/sidero-system", "Deployment/sidero-controller-manager", "Environment/default"}
)
"""Each of them as `<kind>/<name>`."""


def install_sidero(cluster: Cluster) -> None:
    """Put them into the cluster."""
    for item in (NAMESPACE, DEFAULT, DEPLOYMENT):
        cluster.put(item)
