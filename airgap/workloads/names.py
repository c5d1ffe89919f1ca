"""An image's name as Kubernetes and Talos read it, as a complete reference.

Short names are Docker Hub's; a name with neither tag nor digest means `latest` (Kubernetes,
"Images"), which nobody pins by accident: it has to be allowed.
"""

from __future__ import annotations

from collections.abc import Collection

from airgap.errors import SiteError
from airgap.oci.reference import parse_reference
from airgap.workloads.places import Found, Problem

__all__ = ["complete"]

_RENDER = "give what is rendered: helm template …, kubectl kustomize … > file"


def complete(found: Found, *, allowed: Collection[str] = ()) -> str | Problem:
    """Return the complete reference of an image, or what is wrong with it.

    Args:
        found: The image as written.
        allowed: References whose tag `latest` may be left out.
    """
    if "{{" in found.name:
        return _problem(found, f"{_shown(found.name)} is a template's", _RENDER)
    try:
        return str(parse_reference(found.name))
    except SiteError:
        pass
    try:
        latest = str(parse_reference(f"{found.name}:latest"))
    except SiteError:
        message = f"{_shown(found.name)} is not an image reference"
        return _problem(found, message, "expected registry/repository:tag")
    if latest in allowed:
        return latest
    return _problem(
        found,
        f"{_shown(found.name)} has no tag, which means {latest}",
        f"pin a tag there, or allow it: add {latest} to images",
    )


def _shown(name: str) -> str:
    """Return a name for a fault, without user information."""
    before, at, after = name.rpartition("@")
    return repr(f"…@{after}" if at and ":" in before.partition("/")[0] else name)


def _problem(found: Found, message: str, hint: str) -> Problem:
    return Problem(path=found.path, message=message, hint=hint, steps=found.steps)
