"""What a push has to do: which images are there, and which blobs which repositories lack.

Asks the registry with one HEAD an image (a second one where an image without a tag is not under
the tag that keeps it), reads manifests from what is pushed, and moves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from airgap.digest import Digest
from airgap.errors import AirgapError, RegistryError
from airgap.oci.client import RegistryClient
from airgap.oci.manifest import Descriptor, Manifest
from airgap.transfer.contents import Content
from airgap.transfer.destination import ImageItem, RegistryDestination
from airgap.transfer.ledger import Ledger
from airgap.transfer.pool import Failures, run_each

__all__ = ["Need", "PushSurvey", "Trees"]

_Verdict = Literal["there", "untagged", "missing"]

Trees = Mapping[str, tuple[Manifest, ...]]
"""Images by label: their manifests, children before their index."""


class Need:
    """A blob, the repositories that need it and the images it belongs to, each in order.

    Attributes:
        descriptor: The blob.
        name: `registry/repository` of an image that has it.
    """

    def __init__(self, descriptor: Descriptor, name: str) -> None:
        self.descriptor = descriptor
        self.name = name
        self.repositories: dict[str, None] = {}
        self.labels: dict[str, None] = {}


class PushSurvey:
    """Compares images with a registry; what it found is in the order of the items.

    Attributes:
        present: What is there.
        untagged: Those of them without the tag that would keep them there.
        missing: What is not there.

    Args:
        content: Holds the images.
        client: Connected to the destination.
        destination: Where they go.
        ledger: The destination's record.
        items: The images.
        twin: The record of the same registry in the other layout.
        workers: How many are asked for at a time.
    """

    def __init__(
        self,
        content: Content,
        client: RegistryClient,
        destination: RegistryDestination,
        ledger: Ledger,
        items: Sequence[ImageItem],
        *,
        twin: Ledger | None = None,
        workers: int,
    ) -> None:
        self._content = content
        self._client = client
        self._destination = destination
        self._workers = workers
        self._known = ledger.items()
        self._twin = twin
        # A tag that we brought is ours to move: a new lock, or the repair of one that was moved.
        self._ours = {
            ImageItem.parse(key).label
            for key, how in self._known.items()
            if how in ("made", "making")
        }
        by_label = {item.label: item for item in items}
        verdicts, self.failures = run_each(
            list(by_label), lambda label: self._judge(by_label[label]), workers=workers
        )

        def judged(*wanted: _Verdict) -> list[ImageItem]:
            return [by_label[label] for label, verdict in verdicts.items() if verdict in wanted]

        self.present = judged("there", "untagged")
        self.untagged = judged("untagged")
        self.missing = judged("missing")

    def _judge(self, item: ImageItem) -> _Verdict:
        repository = self._destination.repository(item.name)
        found = self._client.head_manifest(repository, self._destination.reference(item))
        if found is not None and found.digest == item.digest:
            return "there"
        if found is None:
            is_there = not item.tag and self._client.head_manifest(repository, str(item.digest))
            return "untagged" if is_there else "missing"
        if not self._destination.overwrite and item.label not in self._ours:
            raise RegistryError(
                f"the tag is there with {found.digest}, not {item.digest}",
                hint="somebody else's image has this tag: remove it there, or set "
                "registry.overwrite: true in the site",
            )
        return "missing"

    def trees(self) -> tuple[dict[str, tuple[Manifest, ...]], Failures]:
        """Return the manifests of what is missing."""
        by_label = {item.label: item for item in self.missing}
        return run_each(
            list(by_label), lambda label: self._tree(by_label[label]), workers=self._workers
        )

    def needs(self, trees: Trees) -> dict[str, Need]:
        """Return the blobs of these images by digest."""
        by_label = {item.label: item for item in self.missing}
        needs: dict[str, Need] = {}
        for label, tree in trees.items():
            item = by_label[label]
            repository = self._destination.repository(item.name)
            for blob in (blob for manifest in tree for blob in manifest.blobs):
                need = needs.setdefault(str(blob.digest), Need(blob, item.name))
                need.labels[label] = None
                need.repositories[repository] = None
        return needs

    def homes(self) -> dict[str, dict[str, None]]:
        """Return the repositories that are thought to have a blob, for as many as we know of.

        From the images found there now, and from all that the ledgers say of either layout.
        """
        homes: dict[str, dict[str, None]] = {}
        for repository, item in self._held():
            try:
                manifests = self._tree(item)
            except AirgapError:
                continue  # no longer in this store: nothing is known of its blobs
            for blob in (blob for manifest in manifests for blob in manifest.blobs):
                homes.setdefault(str(blob.digest), {})[repository] = None
        return homes

    def _held(self) -> Iterator[tuple[str, ImageItem]]:
        """Yield what the registry is thought to have, with its repository."""
        made = [ImageItem.parse(key) for key, how in self._known.items() if how == "made"]
        for item in (*self.present, *made):
            yield self._destination.repository(item.name), item
        for key, how in (self._twin.items() if self._twin else {}).items():
            if how != "making":
                item = ImageItem.parse(key)
                yield self._destination.twin.repository(item.name), item

    def _tree(self, item: ImageItem) -> tuple[Manifest, ...]:
        return tuple(_children_first(self._content, item.name, item.digest))


def _children_first(content: Content, name: str, digest: Digest) -> Iterator[Manifest]:
    manifest = content.manifest(name, digest)
    for child in manifest.children:
        yield from _children_first(content, name, child.digest)
    yield manifest
