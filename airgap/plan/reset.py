"""What a patch sets as a list, deleted: Talos' strategic merge appends lists, it never replaces.

Patched again, a machine that runs would have each time server and each endpoint twice; patched
with another registry, the old one first. So such a machine is patched three times in one go: with
the patch, so that everything exists (deleting a document that does not exist is an error), with
the deletions made here, and with the patch once more. (siderolabs/talos v1.9 to v1.13:
`config/merge`, and `$patch: delete` of `config/configpatcher`.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from airgap.plan.model import PlainValues

__all__ = ["reset_documents"]

_DELETE = {"$patch": "delete"}
_WHOLE = {("machine", "registries", "mirrors")}
"""Maps of which nothing older may stay: a mirror that is no longer the site's is a way out."""


def reset_documents(documents: Iterable[PlainValues]) -> list[PlainValues]:
    """Return the documents that delete every list of a patch's documents."""
    return list(_resets(documents))


def _resets(documents: Iterable[PlainValues]) -> Iterator[PlainValues]:
    for document in documents:
        if "kind" not in document:
            if lists := _lists(document, ()):
                yield lists
        elif _lists(document, ()):
            head = ("apiVersion", "kind", "name")
            yield {**{key: document[key] for key in head if key in document}, **_DELETE}


def _lists(values: PlainValues, at: tuple[str, ...]) -> dict[str, object]:
    found = {key: _marked(value, (*at, key)) for key, value in values.items()}
    return {key: value for key, value in found.items() if value}


def _marked(value: object, at: tuple[str, ...]) -> PlainValues:
    if isinstance(value, Mapping):
        return _DELETE if at in _WHOLE else _lists(value, at)
    return _DELETE if isinstance(value, Sequence) and not isinstance(value, str) else {}
