"""Structured patches become the texts that objects hold."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from airgap.render import render_file

DOCUMENTS = [{"machine": {"time": {"disabled": True}}}, {"kind": "X", "apiVersion": "v1alpha1"}]


def written(document: Mapping[str, object]) -> dict[str, object]:
    (loaded,) = yaml.safe_load_all(render_file({"documents": [document]}))
    assert isinstance(loaded, dict)
    return loaded


def test_each_object_with_patches_holds_them_as_texts() -> None:
    """Sidero's ServerClass, CABPT's TalosConfigTemplate, CACPPT's TalosControlPlane."""
    patches: dict[str, object] = {"strategicPatches": [DOCUMENTS]}
    shapes: dict[str, dict[str, object]] = {
        "metal.sidero.dev/v1alpha2": patches,
        "bootstrap.cluster.x-k8s.io/v1alpha3": {"template": {"spec": patches}},
        "controlplane.cluster.x-k8s.io/v1alpha3": {"controlPlaneConfig": {"controlplane": patches}},
    }
    for version, spec in shapes.items():
        loaded = written({"apiVersion": version, "kind": "K", "spec": spec})
        inner: object = loaded["spec"]
        while isinstance(inner, dict) and "strategicPatches" not in inner:
            (inner,) = inner.values()
        assert isinstance(inner, dict)
        (text,) = inner["strategicPatches"]
        assert list(yaml.safe_load_all(text)) == DOCUMENTS


def test_a_machine_configuration_is_left_as_it_is() -> None:
    document = {"apiVersion": "v1alpha1", "kind": "K", "strategicPatches": [["x"]]}
    assert written(document) == document
