"""Reads a file of manifests into its documents: YAML or JSON, no template.

Scalars stay the text they are written as: a tag `1.20` is no number. Only nothing is nothing.
Parted as YAML 1.2.2 section 9.1 has it: `---` at the start of a line is a marker wherever it
stands, so that one document's fault, or its size, is its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from airgap.workloads.places import Problem

__all__ = ["Document", "read_documents"]

_MARKER = re.compile(r"^---(?=\s|\Z)", re.MULTILINE)
_CONTENT = re.compile(r"^(?![#%]|\s*#|\s*$|\.\.\.\s*$)", re.MULTILINE)
_NO_IMAGES = re.compile(r"^kind: *[\"']?CustomResourceDefinition[\"']?\s*$", re.MULTILINE)
_RENDER = "give what is rendered: helm template …, kubectl kustomize … > file"

# libyaml's parser where PyYAML was built with it: ten times as fast.
_Safe: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Safe):  # type: ignore[misc, valid-type]  # one of two at run time
    """PyYAML's safe loader that makes nothing but text of scalars."""


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"(?:~|null|Null|NULL|)\Z"), [*"~nN", ""]
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"<<\Z"), ["<"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document of a file: its value, and the line it starts at."""

    value: object
    line: int


def read_documents(text: str) -> Iterator[Document | Problem]:
    """Yield the documents of a file, and what is no document.

    Definitions of custom resources are left out unread: they are large and name no image.
    """
    if text.lstrip()[:1] in ("{", "["):
        try:
            yield Document(value=json.loads(text), line=1)
        except (ValueError, RecursionError):
            pass  # YAML's flow style looks like that as well
        else:
            return
    for line, part in _parts(text):
        if _CONTENT.search(part) and not _NO_IMAGES.search(part):
            yield _document(part, line)


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """Yield each document's text with the line it starts at."""
    start, line = 0, 1
    for marker in _MARKER.finditer(text):
        yield line, text[start : marker.start()]
        line += text.count("\n", start, marker.start())
        start = marker.end()
    yield line, text[start:]


def _document(part: str, line: int) -> Document | Problem:
    try:
        return Document(value=yaml.load(part, Loader=_Loader), line=line)  # noqa: S506 - a safe one
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        last = part.rstrip().count("\n")  # what is open at the end is told of the line behind it
        place = line + min(mark.line if mark else 0, last)
        reason = error.problem or "not well-formed"
    except yaml.YAMLError as error:
        place, reason = line, type(error).__name__
    except RecursionError:
        place, reason = line, "nested too deep"
    if "{{" in part:
        return Problem(path=f"line {place}", message="a template, no manifest", hint=_RENDER)
    hint = "expected Kubernetes manifests, or Talos machine configuration"
    return Problem(path=f"line {place}", message=f"not YAML: {reason}", hint=hint)
