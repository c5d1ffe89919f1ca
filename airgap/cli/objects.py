"""Kubernetes objects as `kubectl get … -o yaml` prints them, from a file or standard input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TextIO

import click
import yaml

from airgap.errors import AirgapError

__all__ = ["objects_option", "read_objects"]

objects_option = click.option(
    "--objects",
    type=click.File("r", encoding="utf-8"),
    metavar="FILE",
    help="What the cluster holds: `kubectl get serverclasses,servers,environments -o yaml`; - for "
    "standard input. Says whose patches break, or have the last word over, the site's.",
)


def read_objects(stream: TextIO) -> tuple[Mapping[str, object], ...]:
    """Return the objects of YAML documents or of JSON, each list's items in its place.

    Raises:
        AirgapError: It is neither, or not made of objects.
    """
    try:
        documents = list(yaml.safe_load_all(stream))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise AirgapError(f"{stream.name}: neither YAML nor JSON: {reason}") from error
    found = [item for document in documents for item in _items(document)]
    objects = tuple(item for item in found if isinstance(item, Mapping) and "kind" in item)
    if len(objects) < len(found):
        hint = "kubectl get serverclasses,servers,environments -o yaml"
        raise AirgapError(f"{stream.name}: not Kubernetes objects", hint=f"expected: {hint}")
    return objects


def _items(document: object) -> Iterator[object]:
    if isinstance(document, Mapping) and isinstance(items := document.get("items"), list):
        yield from items
    elif document is not None:
        yield document
