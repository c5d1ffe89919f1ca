"""What a server class asks for, in imager's own words.

Expected values: siderolabs/talos v1.11.5 pkg/imager/profile (input.go, customization.go,
profile.go) and image-factory v1.5.0 `internal/profile`, which fills the same fields.
"""

from __future__ import annotations

import pytest

from airgap.errors import AirgapError
from airgap.imagecache.class_parts import ClassParts, class_parts
from airgap.imagecache.profile import imager_profile
from airgap.site.model import ServerClass
from tests.plan.samples import make_lock, make_site

__all__: list[str] = []

TALOS = "v1.11.5"
ISCSI = f"ghcr.io/siderolabs/iscsi-tools:v0.2.0@sha256:{'1' * 64}"
BOARD = f"ghcr.io/siderolabs/sbc-raspberrypi:v0.1.5@sha256:{'2' * 64}"
LOCK = make_lock().model_copy(
    update={
        "extensions": {TALOS: {"siderolabs/iscsi-tools": ISCSI}},
        "overlays": {TALOS: {"rpi_generic": BOARD}},
    }
)


def wish(**asked: object) -> ServerClass:
    """Return a server class that asks for this."""
    value = {"name": "gpu", "environment": "talos-1-11-5-amd64", **asked}
    return make_site(serverClasses=[value]).server_classes[0]


def profile_of(**asked: object) -> dict[str, object]:
    """Return the profile of a class' image."""
    parts = class_parts(wish(**asked), LOCK, TALOS)
    made = imager_profile(TALOS, "amd64", cache_bytes=1, place="/image-cache.oci", parts=parts)
    return dict(made)


def test_extensions_are_the_locked_images_in_the_classes_order() -> None:
    made = profile_of(extensions=["siderolabs/iscsi-tools"])
    assert isinstance(made["input"], dict)
    assert list(made["input"]["systemExtensions"]) == [{"imageRef": ISCSI}]
    assert made["input"]["imageCache"] == {"ociPath": "/image-cache.oci"}


def test_kernel_arguments_and_meta_values_are_the_customization() -> None:
    made = profile_of(extraKernelArgs=["console=ttyS1"], meta=[{"key": 10, "value": "x"}])
    assert made["customization"] == {
        "extraKernelArgs": ["console=ttyS1"],
        "metaContents": [{"key": 10, "value": "x"}],
    }


def test_an_overlay_has_its_image_and_options() -> None:
    overlay = {"name": "rpi_generic", "image": "siderolabs/sbc-raspberrypi", "options": {"a": 1}}
    made = profile_of(overlay=overlay)
    assert made["overlay"] == {
        "name": "rpi_generic",
        "image": {"imageRef": BOARD},
        "options": {"a": 1},
    }


def test_a_class_without_wishes_is_the_stock_image() -> None:
    assert class_parts(wish(), LOCK, TALOS) == ClassParts()
    made = profile_of()
    assert not {"customization", "overlay"} & set(made)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"secureBoot": {}}, "no profile is made for secureBoot"),
        ({"bootloader": "grub"}, "no profile is made for bootloader"),
        ({"extensions": ["siderolabs/gvisor"]}, "no image of siderolabs/gvisor for Talos v1.11.5"),
    ],
)
def test_what_cannot_be_made_is_refused(asked: dict[str, object], said: str) -> None:
    with pytest.raises(AirgapError, match=said):
        class_parts(wish(**asked), LOCK, TALOS)
