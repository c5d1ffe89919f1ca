"""The practice collection: every image of a Talos release, made into a registry's content.

Repositories carry their registry's host as a prefix: `ghcr.io/siderolabs/kubelet`.
"""

from __future__ import annotations

from collections.abc import Callable

import yaml

from airgap.oci import Manifest
from lab.assets import random_bytes
from lab.catalogue import (
    EXTENSIONS,
    FACTORY_IMAGES,
    OVERLAYS,
    WORKLOAD_IMAGES,
    default_images,
    extension_tag,
    sidero_images,
    talos_images,
)
from lab.content import Content
from lab.images import ImageForge, ImageSpec, LayerSpec

__all__ = ["Collection"]

_WEIGHTS = {
    "imager": 14,
    "installer": 4,
    "installer-base": 3,
    "kube-apiserver": 3,
    "kubelet": 6,
    "nginx": 4,
    "nvidia-open-gpu-kernel-modules-lts": 6,
    "sidero-controller-manager": 4,
    "talosctl-all": 6,
    "etcd": 3,
}
_TOTAL_WEIGHT = 255
"""About the weight of all layers of one release, both architectures."""

_TALOSCTL = {
    f"talosctl-{system}": random_bytes(f"talosctl-{system}", 512)
    for system in ("darwin-arm64", "linux-amd64", "linux-arm64", "windows-amd64.exe")
}


class Collection:
    """Makes the images of Talos releases.

    Args:
        content: Where they go.
        total_bytes: About how large the first release becomes, over all its images.
        has_referrers_api: Whether a repository's registry answers /referrers/.
    """

    def __init__(
        self, content: Content, *, total_bytes: int, has_referrers_api: Callable[[str], bool]
    ) -> None:
        unit_bytes = max(1, total_bytes // _TOTAL_WEIGHT)
        self._forge = ImageForge(
            content, unit_bytes=unit_bytes, has_referrers_api=has_referrers_api
        )

    def publish_release(self, talos: str, *, sidero: str = "v0.6.13") -> tuple[str, ...]:
        """Make all images of a Talos release; return their references, sorted.

        A later release of the same minor version shares most layers with the earlier one.
        """
        references = {
            *default_images(talos),
            *talos_images(talos),
            *sidero_images(sidero),
            *FACTORY_IMAGES,
            *WORKLOAD_IMAGES,
        }
        for reference in sorted(references):
            self._forge.publish(_spec(reference))
        references |= self._publish_extensions(talos) | self._publish_overlays(talos)
        return tuple(sorted(references))

    def _publish_extensions(self, talos: str) -> set[str]:
        lines: dict[str, str] = {}
        for name in sorted(EXTENSIONS):
            reference = f"ghcr.io/siderolabs/{name}:{extension_tag(name, talos)}"
            manifest = self._forge.publish(_spec(reference))
            lines[f"{reference}@{manifest.digest}"] = name
        descriptions = {
            line: {"author": "Sidero Labs", "description": f"The {name} system extension.\n"}
            for line, name in lines.items()
        }
        files = {
            "image-digests": "".join(f"{line}\n" for line in lines).encode(),
            "descriptions.yaml": yaml.safe_dump(descriptions).encode(),
        }
        self._publish_catalogue("extensions", talos, files)
        catalogue = f"ghcr.io/siderolabs/extensions:{talos}"
        return {catalogue, *(line.partition("@")[0] for line in lines)}

    def _publish_overlays(self, talos: str) -> set[str]:
        images = {f"ghcr.io/siderolabs/{image}" for image in OVERLAYS.values()}
        digests = {image: self._forge.publish(_spec(image)).digest for image in sorted(images)}
        overlays = [
            {
                "name": name,
                "image": f"ghcr.io/siderolabs/{image}",
                "digest": str(digests[f"ghcr.io/siderolabs/{image}"]),
            }
            for name, image in OVERLAYS.items()
        ]
        files = {"overlays.yaml": yaml.safe_dump({"overlays": overlays}).encode()}
        self._publish_catalogue("overlays", talos, files)
        return {f"ghcr.io/siderolabs/overlays:{talos}", *images}

    def _publish_catalogue(self, name: str, talos: str, files: dict[str, bytes]) -> Manifest:
        spec = ImageSpec(
            repository=f"ghcr.io/siderolabs/{name}", tag=talos, files=files, signed=True
        )
        return self._forge.publish(spec)


def _spec(reference: str) -> ImageSpec:
    repository, _, tag = reference.rpartition(":")
    name = repository.rpartition("/")[2]
    weight = _WEIGHTS.get(name, 1)
    is_hub = repository.startswith("docker.io/")
    return ImageSpec(
        repository=repository,
        tag=tag,
        layers=(
            LayerSpec(key=f"{_family(repository)}/base/{{arch}}", weight=2),
            LayerSpec(key=f"{repository}/common/{{arch}}", weight=weight),
            LayerSpec(key=f"{repository}/{tag}/{{arch}}", weight=1),
        ),
        files=_TALOSCTL if name == "talosctl-all" else {},
        media_types="oci" if repository.startswith("ghcr.io/") or is_hub else "docker",
        signed=not is_hub and "etcd-development" not in repository,
        attested=name in ("kubelet", "kube-apiserver"),
        build_attestations=is_hub,
    )


def _family(repository: str) -> str:
    """Return what an image is built on: images of one family share their base layer."""
    return "distroless" if "k8s.io" in repository else repository.partition("/")[0]
