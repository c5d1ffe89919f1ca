"""Which files a stack file may name: every text in it, read as the path that it may be.

What a text means is not asked, so that a key that is new to the site is not forgotten here; one
that is no path is one of nothing. Paths start at the stack file, through symbolic links.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

__all__ = ["is_named", "named_paths"]

_LONGEST = 4096
"""Of a path, in Linux; longer texts are certificates and patches."""


def named_paths(stack_file: Path) -> frozenset[Path]:
    """Return what a stack file may name, absolute: as written, and where symbolic links lead.

    Nothing where it is not there, or no YAML: then it names nothing that anybody could read.
    """
    try:
        document: object = yaml.safe_load(stack_file.read_bytes())
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return frozenset()
    found: set[Path] = set()
    for text in _texts(document):
        if text and len(text) <= _LONGEST and "\0" not in text and "\n" not in text:
            path = os.path.join(stack_file.parent, text)  # noqa: PTH118 - Path keeps `..`
            found |= {Path(os.path.normpath(path)), Path(os.path.realpath(path))}
    return frozenset(found)


def is_named(path: Path, named: frozenset[Path]) -> bool:
    """Tell whether an absolute path, or a folder that it is in, is named."""
    return not named.isdisjoint((path, *path.parents))


def _texts(document: object) -> Iterator[str]:
    waiting = [document]
    seen: set[int] = set()  # an alias of YAML may stand within itself
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping | list) and id(value) not in seen:
            seen.add(id(value))
            waiting += value.values() if isinstance(value, Mapping) else value
