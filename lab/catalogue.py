"""Which images a Talos release, its extensions and Sidero consist of: real names and tags.

Sources: `talosctl image default` of v1.11.5; the constants of Talos' machinery module at v1.9.6,
v1.11.6 and v1.12.0; the alias table of Image Factory v1.5.0 for extension names. Extension tags
have the real shape (some carry the Talos version, some do not); their values are the lab's own.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "EXTENSIONS",
    "FACTORY_IMAGES",
    "OVERLAYS",
    "TALOS",
    "WORKLOAD_IMAGES",
    "Components",
    "default_images",
    "extension_tag",
    "sidero_images",
    "talos_images",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """What a Talos release runs by default."""

    kubernetes: str
    etcd: str
    coredns: str
    flannel: str
    pause: str
    lists_installer: bool


_TALOS_1_11 = Components(
    kubernetes="v1.34.1",
    etcd="gcr.io/etcd-development/etcd:v3.6.5",
    coredns="v1.12.4",
    flannel="v0.27.4",
    pause="3.10",
    lists_installer=True,
)
TALOS = {
    "v1.9.6": Components(
        kubernetes="v1.32.4",
        etcd="gcr.io/etcd-development/etcd:v3.5.21",
        coredns="v1.12.0",
        flannel="v0.26.5",
        pause="3.10",
        lists_installer=True,
    ),
    "v1.11.5": _TALOS_1_11,
    "v1.11.6": _TALOS_1_11,
    "v1.12.0": Components(
        kubernetes="v1.35.0",
        etcd="registry.k8s.io/etcd:v3.6.7",
        coredns="v1.13.2",
        flannel="v0.27.4",
        pause="3.10",
        lists_installer=False,
    ),
}

FACTORY_IMAGES = ("ghcr.io/siderolabs/image-factory:v1.5.0",)
WORKLOAD_IMAGES = ("docker.io/library/nginx:1.27.3",)

EXTENSIONS = {
    "amd-ucode": "20251021",
    "amdgpu": "20251021-{talos}",
    "drbd": "9.2.14-{talos}",
    "gasket-driver": "97aeba5-{talos}",
    "gvisor": "20250707.0",
    "i915": "20251021-{talos}",
    "intel-ucode": "20250812",
    "iscsi-tools": "v0.2.0",
    "nvidia-container-toolkit-lts": "535.247.01-v1.17.8",
    "nvidia-fabric-manager-lts": "535.247.01",
    "nvidia-open-gpu-kernel-modules-lts": "535.247.01-{talos}",
    "qemu-guest-agent": "10.0.2",
    "tailscale": "1.88.1",
    "usb-modem-drivers": "{talos}",
    "util-linux-tools": "2.41.1",
    "v4l-uvc-drivers": "{talos}",
    "vmtoolsd-guest-agent": "v1.3.0",
    "xen-guest-agent": "0.4.0-g5c274e6",
    "zfs": "2.3.4-{talos}",
}
"""Extension name → tag; `{talos}` stands for the release it was built for."""

OVERLAYS = {
    "rpi_generic": "sbc-raspberrypi:v0.1.5",
    "rock5b": "sbc-rockchip:v0.1.6",
    "turingrk1": "sbc-rockchip:v0.1.6",
}
"""Overlay name → image; several names share one image, as upstream."""


def extension_tag(name: str, talos: str) -> str:
    """Return the tag of an extension for a Talos release."""
    return EXTENSIONS[name].format(talos=talos)


def default_images(talos: str) -> tuple[str, ...]:
    """Return the lines of `talosctl image default` of that release, in its order."""
    parts = TALOS[talos]
    kube = ("apiserver", "controller-manager", "scheduler", "proxy")
    installer = (f"ghcr.io/siderolabs/installer:{talos}",) if parts.lists_installer else ()
    return (
        f"ghcr.io/siderolabs/flannel:{parts.flannel}",
        f"registry.k8s.io/coredns/coredns:{parts.coredns}",
        parts.etcd,
        *(f"registry.k8s.io/kube-{name}:{parts.kubernetes}" for name in kube),
        f"ghcr.io/siderolabs/kubelet:{parts.kubernetes}",
        *installer,
        f"registry.k8s.io/pause:{parts.pause}",
    )


def talos_images(talos: str) -> tuple[str, ...]:
    """Return Talos' own images of a release, without extensions and overlays."""
    names = ("installer", "installer-base", "imager", "talos", "talosctl-all")
    return tuple(f"ghcr.io/siderolabs/{name}:{talos}" for name in names)


def sidero_images(sidero: str) -> tuple[str, ...]:
    """Return the images of a Sidero Metal release."""
    names = ("sidero-controller-manager", "caps-controller-manager")
    return tuple(f"ghcr.io/siderolabs/{name}:{sidero}" for name in names)
