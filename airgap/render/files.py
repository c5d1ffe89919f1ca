"""A file from its specification, as the `files` input of a ManifestFiles resource holds it.

`{documents: [...]}` becomes YAML, `{ini: {Section: {Key: value | [values]}}}` a unit file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airgap.render.patches import with_rendered_patches
from airgap.render.unit import render_unit
from airgap.render.yaml_text import render_documents

__all__ = ["render_file"]


def render_file(specification: Mapping[str, object]) -> bytes:
    """Return the file's bytes; equal specifications give equal bytes.

    Raises:
        ValueError: The specification has neither, or both, of the two forms.
    """
    match dict(specification):
        case {"documents": documents, **rest} if not rest and isinstance(documents, Sequence):
            return render_documents(with_rendered_patches(item) for item in documents).encode()
        case {"ini": sections, **rest} if not rest and isinstance(sections, Mapping):
            return render_unit(sections).encode()
    raise ValueError(f"a file is given by documents or by ini, not by {sorted(specification)}")
