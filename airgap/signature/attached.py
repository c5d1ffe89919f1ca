"""What is attached to an image: by cosign's tags, by the fallback tag, by the referrers API.

Distribution specification v1.1 ("Referrers Tag Schema", "Listing Referrers") and cosign's
SIGNATURE_SPEC and its `.att` and `.sbom` tags. What is attached may have something attached itself
(an SBOM its signature), so the walk goes on from there, bounded. One list of a repository's tags
stands for four questions a digest; where a registry gives no list, the tags are asked for singly.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from airgap.digest import Digest
from airgap.errors import IntegrityError, RegistryError
from airgap.oci.manifest import Descriptor
from airgap.oci.reference import Reference
from airgap.signature.source import ArtifactReader, ArtifactSource

__all__ = ["MAX_ATTACHED", "MAX_DEPTH", "Attached", "Discovery", "attachment_tags"]

MAX_DEPTH = 3
"""How far the walk goes: the signature of an attestation of an SBOM of an image."""
MAX_ATTACHED = 256
"""How many artifacts one image may have."""

_SUFFIXES = (".sig", ".att", ".sbom", "")
_NO_LIST = (401, 403, 404, 405)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """An artifact attached to a manifest of an image.

    Attributes:
        reference: How it is named: by tag, or by digest where only the referrers API knows it.
        digest: What it is.
        subject: What it is attached to.
        members: Of a fallback tag: the artifacts it lists, which it brings along.
    """

    reference: Reference
    digest: Digest
    subject: Digest
    members: tuple[Descriptor, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A repository as its registry has it, and as it is named outside."""

    reader: ArtifactReader
    repository: str
    name: Reference


class Discovery:
    """Looks for what is attached. Thread-safe; each repository's tags are listed once.

    Args:
        source: Registries by host.
    """

    def __init__(self, source: ArtifactSource) -> None:
        self._source = source
        self._tags: dict[str, frozenset[str] | None] = {}
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()

    def find(self, image: Reference, subjects: Iterable[Digest]) -> tuple[Attached, ...]:
        """Return what is attached to these manifests of an image, and to that again.

        Args:
            image: The image; only its registry and repository count.
            subjects: The digests of the index and of each of its children.

        Raises:
            RegistryError: The registry is out of reach or refused.
            IntegrityError: More is attached than anybody wants to carry.
        """
        reader, repository = self._source.locate(image.registry, image.repository)
        name = replace(image, tag=None, digest=None)
        place = _Place(reader=reader, repository=repository, name=name)
        found: dict[Reference, Attached] = {}
        waiting = deque((subject, 0) for subject in dict.fromkeys(subjects))
        seen = {subject for subject, _ in waiting}
        bound = len(seen) + MAX_ATTACHED
        while waiting:
            subject, depth = waiting.popleft()
            for item in self._attached_to(place, subject):
                found[item.reference] = item
                below = {item.digest, *(member.digest for member in item.members)} - seen
                seen |= below
                if len(seen) > bound:
                    raise IntegrityError(f"{image}: more than {MAX_ATTACHED} artifacts attached")
                if depth < MAX_DEPTH:
                    waiting.extend((digest, depth + 1) for digest in sorted(below))
        return tuple(found[key] for key in sorted(found, key=str))

    def _attached_to(self, place: _Place, subject: Digest) -> Iterator[Attached]:
        members: set[Digest] = set()
        for tag in self._present(place, subject):
            manifest = place.reader.manifest(place.repository, tag)
            members |= {child.digest for child in manifest.children}
            yield Attached(
                reference=replace(place.name, tag=tag),
                digest=manifest.digest,
                subject=subject,
                members=manifest.children,
            )
        for descriptor in self._referrers(place, subject):
            if descriptor.digest not in members:
                yield Attached(
                    reference=replace(place.name, digest=descriptor.digest),
                    digest=descriptor.digest,
                    subject=subject,
                )

    def _referrers(self, place: _Place, subject: Digest) -> tuple[Descriptor, ...]:
        """Ask the API; where there is none, the list of tags has said all that there is."""
        if self._listed(place) is not None and not place.reader.lists_referrers(place.repository):
            return ()
        return place.reader.referrers(place.repository, subject)

    def _present(self, place: _Place, subject: Digest) -> list[str]:
        """Return those of a digest's tags that the repository has."""
        wanted = attachment_tags(subject)
        listed = self._listed(place)
        if listed is not None:
            return [tag for tag in wanted if tag in listed]
        there = place.reader.head_manifest
        return [tag for tag in wanted if there(place.repository, tag) is not None]

    def _listed(self, place: _Place) -> frozenset[str] | None:
        """Return the repository's attachment tags; None where the registry lists none."""
        name = place.name.name
        with self._lock:
            turn = self._turns[name]
        with turn:  # repositories are listed side by side, each once
            if name not in self._tags:
                self._tags[name] = _list(place)
            return self._tags[name]


def attachment_tags(subject: Digest) -> tuple[str, ...]:
    """Return the tags under which something may be attached to a digest."""
    return tuple(f"{subject.algorithm}-{subject.hex}{suffix}" for suffix in _SUFFIXES)


def _list(place: _Place) -> frozenset[str] | None:
    try:
        tags = place.reader.tags(place.repository)
    except RegistryError as error:
        # No list (refused, or without an end) is no answer to whether the tags are there.
        if error.status in _NO_LIST or not (error.status or error.retryable):
            return None
        raise
    return frozenset(tag for tag in tags if tag.startswith("sha256-"))
