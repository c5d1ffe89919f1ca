"""The images a Talos release and its Kubernetes need, and those of Sidero and the Image Factory.

Names and order as `talosctl image default` (up to 1.11) and `talosctl image k8s-bundle` (from
1.12) print them: siderolabs/talos `pkg/images/list.go` and `cmd/talosctl/cmd/talos/image.go` at
v1.9.6, v1.11.5, v1.12.0 and v1.13.9. The installer is printed up to 1.11 only.
"""

from __future__ import annotations

from airgap.errors import Fault, SiteError
from airgap.talos.releases import Release, find_release, minor_of

__all__ = [
    "catalogue_image",
    "factory_image",
    "factory_images",
    "factory_installer",
    "images",
    "installer_image",
    "kubernetes_images",
    "overlay_catalogue_image",
    "sidero_images",
    "talos_images",
    "talosctl_image",
]

_TALOSCTL_SINCE = (1, 11)
_CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")


def images(talos: Release | str, kubernetes: str | None = None) -> tuple[str, ...]:
    """Return the references that `talosctl` of this very release prints, in its order.

    Args:
        talos: The release; a version (`v1.11.5`) means the table's row.
        kubernetes: Another Kubernetes than the release's own, `v1.33.4`.

    Raises:
        SiteError: The release is not in the table, or does not run that Kubernetes.
    """
    release = _release(talos)
    version = _kubernetes(release, kubernetes)
    pause = f"registry.k8s.io/pause:{release.pause}"
    early = (
        f"ghcr.io/siderolabs/flannel:{release.flannel}",
        f"registry.k8s.io/coredns/coredns:{release.coredns}",
        release.etcd,
    )
    machines = (
        *(f"registry.k8s.io/{name}:{version}" for name in _CONTROL_PLANE),
        f"ghcr.io/siderolabs/kubelet:{version}",
    )
    if release.minor >= (1, 13):
        policies = f"registry.k8s.io/networking/kube-network-policies:{release.network_policies}"
        return (*early, pause, *machines, policies)
    if release.minor >= (1, 12):
        return (*early, *machines, pause)
    return (*early, *machines, installer_image(release.version), pause)


def kubernetes_images(talos: Release | str, kubernetes: str | None = None) -> tuple[str, ...]:
    """Return what the cluster runs: the release's list without the installer."""
    installers = talos_images(talos)
    return tuple(
        reference for reference in images(talos, kubernetes) if reference not in installers
    )


def talos_images(talos: Release | str) -> tuple[str, ...]:
    """Return what a node needs of Talos itself, without an Image Factory: the installer."""
    return (installer_image(_release(talos).version),)


def installer_image(talos: str) -> str:
    """Return the stock installer's reference."""
    return f"ghcr.io/siderolabs/installer:{talos}"


def factory_installer(talos: str, *, host: str, schematic: str, secure_boot: bool = False) -> str:
    """Return the installer that an Image Factory makes when it is pulled.

    It is called by platform since Talos 1.10; the older name still means metal
    (siderolabs/image-factory v1.5.0 `internal/frontend/http/registry.go`).
    """
    name = "metal-installer" if minor_of(talos) >= (1, 10) else "installer"
    kind = "-secureboot" if secure_boot else ""
    return f"{host}/{name}{kind}/{schematic}:{talos}"


def catalogue_image(talos: str) -> str:
    """Return the extensions catalogue: an image with the file `image-digests`."""
    return f"ghcr.io/siderolabs/extensions:{talos}"


def overlay_catalogue_image(talos: str) -> str:
    """Return the overlays catalogue: an image with the file `overlays.yaml`."""
    return f"ghcr.io/siderolabs/overlays:{talos}"


def factory_images(talos: Release | str) -> tuple[str, ...]:
    """Return what an Image Factory pulls by tag to build any schematic of a release.

    Its imager, the base of installer images (`installer-base` from 1.10) and the two catalogues,
    which its pages list even for an empty schematic. Source: siderolabs/image-factory v1.5.0
    `internal/artifacts`.
    """
    release = _release(talos)
    base = "installer-base" if release.minor >= (1, 10) else "installer"
    return (
        f"ghcr.io/siderolabs/imager:{release.version}",
        f"ghcr.io/siderolabs/{base}:{release.version}",
        catalogue_image(release.version),
        overlay_catalogue_image(release.version),
    )


def talosctl_image(talos: str) -> str | None:
    """Return the image that a factory hands talosctl out of; there is one since Talos 1.11."""
    if minor_of(talos) < _TALOSCTL_SINCE:
        return None
    return f"ghcr.io/siderolabs/talosctl-all:{talos}"


def factory_image(version: str) -> str:
    """Return the Image Factory's own image."""
    return f"ghcr.io/siderolabs/image-factory:{version}"


def sidero_images(version: str) -> tuple[str, ...]:
    """Return the images of Sidero Metal's own controllers (manifests of siderolabs/sidero)."""
    return (
        f"ghcr.io/siderolabs/caps-controller-manager:{version}",
        f"ghcr.io/siderolabs/sidero-controller-manager:{version}",
    )


def _release(talos: Release | str) -> Release:
    return find_release(talos) if isinstance(talos, str) else talos


def _kubernetes(release: Release, version: str | None) -> str:
    if version is None:
        return release.kubernetes
    if release.supports_kubernetes(version):
        return version
    first, last = (".".join(map(str, key)) for key in release.kubernetes_range)
    fault = Fault(
        path="kubernetes.versions",
        message=f"Talos {release.version} does not run Kubernetes {version}",
        hint=f"it runs v{first} to v{last}, its own is {release.kubernetes}",
    )
    raise SiteError("talos release", [fault])
