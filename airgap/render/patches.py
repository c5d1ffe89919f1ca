"""Strategic merge patches as objects hold them: one text a patch, of one or more documents.

`strategicPatches` is a list of strings in Sidero's ServerClass (v0.6.13) and wherever Cluster API's
Talos providers take one (CABPT v0.6.5 and newer); each is loaded by Talos' configpatcher.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airgap.render.yaml_text import render_documents

__all__ = ["render_patches", "with_rendered_patches"]

_GROUPS = {"metal.sidero.dev", "bootstrap.cluster.x-k8s.io", "controlplane.cluster.x-k8s.io"}
_FIELD = "strategicPatches"


def render_patches(patches: Sequence[Sequence[Mapping[str, object]]]) -> list[str]:
    """Return one YAML text for each patch, in order."""
    return [render_documents(documents) for documents in patches]


def with_rendered_patches(document: Mapping[str, object]) -> Mapping[str, object]:
    """Return an object whose structured patches are texts; any other document as it is."""
    group = str(document.get("apiVersion", "")).partition("/")[0]
    return _rendered(document) if group in _GROUPS else document


def _rendered(values: Mapping[str, object]) -> dict[str, object]:
    return {key: _value(key, value) for key, value in values.items()}


def _value(key: str, value: object) -> object:
    if isinstance(value, Mapping):
        return _rendered(value)
    if key == _FIELD and isinstance(value, Sequence):
        return render_patches(value)
    return value
