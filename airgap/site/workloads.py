"""Reads the manifests a site names, and fills in the images and hosts they name.

Files are read through functions the caller gives: this module touches no disk. What an image is
in a manifest, and what a host, is known by `airgap.workloads`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from airgap.errors import Fault, SiteError
from airgap.oci.reference import parse_reference
from airgap.site.model import ImagePaths, Manifest, Site
from airgap.site.path import Step, dotted, shown
from airgap.workloads import Field, Scan, parse_path, scan

__all__ = ["MANIFEST_BYTES", "WorkloadReader"]

MANIFEST_BYTES = 32 << 20
"""The largest manifest that is read: whole stacks with their definitions are a few MiB."""

_MOST_FILES = 5000


class WorkloadReader:
    """Fills `images` and `hosts` of each manifest, and collects what keeps one from being known.

    Args:
        read: Returns the bytes of a file, by its path relative to the stack file.
        names: Returns the paths of the manifests in a directory, sorted.
    """

    def __init__(self, read: Callable[[str], bytes], names: Callable[[str], Sequence[str]]) -> None:
        self._read = read
        self._names = names
        self.faults: list[Fault] = []

    def fill(self, site: Site, sections: frozenset[str]) -> Site:
        """Return the site with what its manifests name, where that section is sound."""
        if "manifests" not in sections or not (site.manifests or site.image_paths):
            return site
        own = _own_fields(site.image_paths if "image_paths" in sections else ())
        allowed = _references(site.images if "images" in sections else ())
        found = [
            self._manifest(item, index, [*own], allowed)
            for index, item in enumerate(site.manifests)
        ]
        if not self.faults:
            self.faults += _unused(own, [each for scans in found for each in scans])
        serves = frozenset(name for scans in found for each in scans for name in each.serves)
        filled = tuple(
            item.model_copy(update={**_merged(scans), "hosts": _hosts(scans, serves)})
            for item, scans in zip(site.manifests, found, strict=True)
        )
        return site.model_copy(update={"manifests": filled})

    def _manifest(
        self, item: Manifest, index: int, own: list[Field], allowed: frozenset[str]
    ) -> list[Scan]:
        at: tuple[Step, ...] = ("manifests", index)
        for name in ("images", "unseen", "hosts"):
            if getattr(item, name):
                self._add((*at, name), "is read from the file", "leave it out; see images")
        scans = [
            scan(text, file=path, own=own, allowed=allowed)
            for path in self._files(item.path, (*at, "path"))
            if (text := self._text(path, (*at, "path"))) is not None
        ]
        for problem in (problem for each in scans for problem in each.problems):
            message = f"{problem.path}: {problem.message}"
            self._add((*at, "path"), message, problem.hint)
        return scans

    def _files(self, path: str, at: tuple[Step, ...]) -> Sequence[str]:
        """Return the file, or those in the directory."""
        names = self._names(path)
        if len(names) > _MOST_FILES:
            hint = "name the directories with manifests"
            self._add(at, f"{shown(path)} holds over {_MOST_FILES} files", hint)
            return ()
        return names or (path,)

    def _text(self, path: str, at: tuple[Step, ...]) -> str | None:
        try:
            data = self._read(path)
        except IsADirectoryError:
            hint = "expected .yaml, .yml or .json files in it"
            self._add(at, f"{shown(path)} holds no manifest", hint)
            return None
        except OSError as error:
            reason = error.strerror or type(error).__name__
            message = f"{shown(path)} cannot be read: {reason}"
            self._add(at, message, "paths start at the stack file")
            return None
        if len(data) > MANIFEST_BYTES:
            self._add(at, f"{shown(path)} is over {MANIFEST_BYTES} bytes", "part it into files")
            return None
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            self._add(at, f"{shown(path)} is not UTF-8", "expected manifests as text")
            return None

    def _add(self, at: tuple[Step, ...], message: str, hint: str) -> None:
        self.faults.append(Fault(path=dotted(at), message=message, hint=hint))


def _merged(scans: Sequence[Scan]) -> dict[str, object]:
    images: dict[str, tuple[str, ...]] = {}
    for each in scans:
        for reference, chains in each.images.items():
            images[reference] = (*images.get(reference, ()), *chains)
    return {
        "images": dict(sorted(images.items())),
        "unseen": tuple(text for each in scans for text in each.unseen),
    }


def _hosts(scans: Sequence[Scan], serves: frozenset[str]) -> dict[str, str]:
    """Return the hosts that manifests name and none of the site's own serves, each with its place.

    Args:
        scans: Of the files of one manifest, in their order.
        serves: What any manifest of the site serves.
    """
    hosts: dict[str, str] = {}
    for each in scans:
        for host, chain in each.hosts.items():
            if not _is_served(host, serves):
                hosts.setdefault(host, chain)
    return dict(sorted(hosts.items()))


def _is_served(host: str, serves: frozenset[str]) -> bool:
    name = host.partition(":")[0]
    return name in serves or f"*.{name.partition('.')[2]}" in serves


def _own_fields(items: Sequence[ImagePaths]) -> Mapping[Field, int]:
    """Return the fields of the site's image paths, each with its item; ill-formed ones are told
    by `check.images`."""
    fields: dict[Field, int] = {}
    for index, item in enumerate(items):
        for text in item.paths:
            try:
                steps = parse_path(text)
            except ValueError:
                continue
            fields[Field(kind=item.kind, group=item.group, steps=steps)] = index
    return fields


def _unused(own: Mapping[Field, int], scans: Sequence[Scan]) -> Iterator[Fault]:
    """Find image paths that led nowhere: one that is misspelt would leave an image out."""
    used = {own[field] for each in scans for field in each.fields}
    for index in sorted({*own.values()} - used):
        kind = next(field.kind for field, place in own.items() if place == index)
        message = f"leads to no image in any {kind} of the manifests"
        hint = "see that the kind, its group and the paths are right, or leave it out"
        yield Fault(path=dotted(("imagePaths", index)), message=message, hint=hint)


def _references(texts: Sequence[str]) -> frozenset[str]:
    """Return the well-formed ones among references; the others are told by `check.images`."""
    found = set()
    for text in texts:
        try:
            found.add(str(parse_reference(text)))
        except SiteError:
            continue
    return frozenset(found)
