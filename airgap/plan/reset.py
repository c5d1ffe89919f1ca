"""What a patch sets as a list, deleted: Talos' strategic merge appends lists, it never replaces.

Patched again, a machine that runs would have each time server and each endpoint twice; patched
with another registry, the old one first. So such a machine is patched three times in one go: with
the patch, so that everything exists (deleting a document that does not exist is an error), with
the deletions made here, and with the patch once more. (siderolabs/talos v1.9 to v1.13:
`config/merge`, and `$patch: delete` of `config/configpatcher`.)

A machine that came from Talos 1.11 has in v1alpha1 what the documents of 1.12 say now. Time and
name servers in both are refused (`V1Alpha1ConflictValidate` of `config/types/network`), hosts and
mirrors in both add up: what a document stands for is deleted in v1alpha1, too. `registries.config`
stays: documents come before it by name, and a machine's own credentials are in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from airgap.plan.model import PlainValues

__all__ = ["needed_sections", "reset_documents"]

_DELETE: PlainValues = {"$patch": "delete"}
_WHOLE = {("machine", "registries", "mirrors")}
"""Maps of which nothing older may stay: a mirror that is no longer the site's is a way out."""

_BEFORE: Mapping[str, Mapping[str, PlainValues]] = {
    "RegistryMirrorConfig": {"registries": {"mirrors": _DELETE}},
    "TimeSyncConfig": {"time": _DELETE},
    "ResolverConfig": {"network": {"nameservers": _DELETE}},
    "StaticHostConfig": {"network": {"extraHostEntries": _DELETE}},
}
"""What a document stands for below `machine` of v1alpha1, deleted."""

_SHARED = {"ResolverConfig"}
"""Documents in which a machine may have something of its own (search domains), which stays."""

_HEAD = ("apiVersion", "kind", "name")


def reset_documents(documents: Sequence[PlainValues]) -> list[PlainValues]:
    """Return the documents that delete a patch's lists, and what its documents replace."""
    return [*_before(documents), *_resets(documents)]


def needed_sections(documents: Iterable[PlainValues]) -> PlainValues:
    """Return a patch that makes the sections that deletions are in; nothing where all exist.

    Deleting a key of a section that a machine does not have is an error, of one that it has never.
    Talos takes the deletions of a patch first: this has to be another one, before.
    """
    machines = (document.get("machine") for document in documents if "kind" not in document)
    has_network = any(isinstance(each, Mapping) and "network" in each for each in machines)
    return {"machine": {"network": {}}} if has_network else {}


def _before(documents: Iterable[PlainValues]) -> Iterator[PlainValues]:
    """Yield the deletions in v1alpha1."""
    kinds = {document.get("kind") for document in documents}
    machine: dict[str, PlainValues] = {}
    for kind, sections in _BEFORE.items():
        for section, deleted in sections.items() if kind in kinds else ():
            machine[section] = {**machine.get(section, {}), **deleted}
    if machine:
        yield {"machine": machine}


def _resets(documents: Iterable[PlainValues]) -> Iterator[PlainValues]:
    for document in documents:
        if "kind" not in document:
            if lists := _lists(document, ()):
                yield lists
        elif lists := _lists(document, ()):
            head = {key: document[key] for key in _HEAD if key in document}
            yield {**head, **(lists if document["kind"] in _SHARED else _DELETE)}


def _lists(values: PlainValues, at: tuple[str, ...]) -> dict[str, object]:
    found = {key: _marked(value, (*at, key)) for key, value in values.items()}
    return {key: value for key, value in found.items() if value}


def _marked(value: object, at: tuple[str, ...]) -> PlainValues:
    if isinstance(value, Mapping):
        return _DELETE if at in _WHOLE else _lists(value, at)
    return _DELETE if isinstance(value, Sequence) and not isinstance(value, str) else {}
