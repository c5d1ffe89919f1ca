"""A file from its specification, as the `files` input of a ManifestFiles resource holds it.

`{documents: [...]}` becomes YAML, `{ini: {Section: {Key: value | [values]}}}` a unit file,
`{lines: [...]}` plain text, `{hosts: {endpoints: [...], skipFallback: ...}}` a `hosts.toml`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airgap.render.config_map import with_rendered_data
from airgap.render.hosts_toml import render_hosts
from airgap.render.patches import with_rendered_patches
from airgap.render.unit import render_unit
from airgap.render.yaml_text import render_documents

__all__ = ["render_file"]


def render_file(specification: Mapping[str, object]) -> bytes:
    """Return the file's bytes; equal specifications give equal bytes.

    Raises:
        ValueError: The specification has none, or several, of these forms.
    """
    match dict(specification):
        case {"documents": documents, **rest} if not rest and isinstance(documents, Sequence):
            return render_documents(map(_rendered, documents)).encode()
        case {"ini": sections, **rest} if not rest and isinstance(sections, Mapping):
            return render_unit(sections).encode()
        case {"lines": lines, **rest} if not rest and isinstance(lines, Sequence):
            return "".join(f"{line}\n" for line in lines).encode()
        case {"hosts": mirror, **rest} if not rest and isinstance(mirror, Mapping):
            return render_hosts(mirror).encode()
    known = "documents, ini, lines or hosts"
    raise ValueError(f"a file is given by {known}, not by {sorted(specification)}")


def _rendered(document: Mapping[str, object]) -> Mapping[str, object]:
    """Return an object whose structured parts are texts, where its kind has texts there."""
    return with_rendered_data(with_rendered_patches(document))
