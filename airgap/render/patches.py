"""Strategic merge patches as a ServerClass holds them: one text a patch, of one or more documents.

Sidero v0.6.13 `spec.strategicPatches`: a list of strings, each loaded by Talos' configpatcher.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airgap.render.yaml_text import render_documents

__all__ = ["is_server_class", "render_patches", "with_rendered_patches"]


def render_patches(patches: Sequence[Sequence[Mapping[str, object]]]) -> list[str]:
    """Return one YAML text for each patch, in order."""
    return [render_documents(documents) for documents in patches]


def is_server_class(document: Mapping[str, object]) -> bool:
    """Tell whether the document is a Sidero ServerClass of any version."""
    group = str(document.get("apiVersion", "")).partition("/")[0]
    return group == "metal.sidero.dev" and document.get("kind") == "ServerClass"


def with_rendered_patches(document: Mapping[str, object]) -> Mapping[str, object]:
    """Return a ServerClass whose structured patches are texts; any other document as it is."""
    spec = document.get("spec")
    if not is_server_class(document) or not isinstance(spec, Mapping):
        return document
    patches = spec.get("strategicPatches")
    if not isinstance(patches, Sequence):
        return document
    return {**document, "spec": {**spec, "strategicPatches": render_patches(patches)}}
