"""ConfigMaps whose files are structured: each mapping of their `data` is one YAML document.

Kubernetes' ConfigMap (v1) holds texts alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from airgap.render.yaml_text import render_documents

__all__ = ["render_data", "with_rendered_data"]


def with_rendered_data(document: Mapping[str, object]) -> Mapping[str, object]:
    """Return a ConfigMap whose data are texts; any other document as it is."""
    data = document.get("data")
    if document.get("kind") != "ConfigMap" or not isinstance(data, Mapping):
        return document
    return {**document, "data": render_data(data)}


def render_data(data: Mapping[str, object]) -> dict[str, str]:
    """Return each file's text."""
    return {
        name: render_documents([value]) if isinstance(value, Mapping) else str(value)
        for name, value in data.items()
    }
