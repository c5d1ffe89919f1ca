"""How an Image Factory takes, checks and keeps schematics.

Image Factory v1.0.3 to v1.5.0: only the shape is checked when one is posted (`pkg/schematic`); it
is kept in a registry as a layer whose digest is the ID (`internal/schematic/storage/registry`).
"""

from __future__ import annotations

import json

import yaml

from airgap.digest import is_digest
from airgap.errors import AirgapError
from airgap.schematic import Schematic, canonical_yaml, parse_schematic, schematic_id
from lab.refusals import RefusedError
from lab.registryclient import RegistryClient, RegistryClientError
from lab.schematicfields import unknown_fields

__all__ = ["SchematicStore", "is_at_least"]

_LAYER = "application/vnd.sidero.dev-image.schematic"
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_EPOCH = "0001-01-01T00:00:00Z"
_REPOSITORY = "image-factory/schematics"
_CONSTRUCT_SINCE = (1, 1, 0)
"""Another release of the YAML library, and another word in its errors."""
_OWNER_REFUSED_SINCE = (1, 4, 0)


def is_at_least(version: str, wanted: tuple[int, int, int]) -> bool:
    """Tell whether a factory's version (`v1.5.0`) is not older than another."""
    return _numbers(version) >= wanted


class SchematicStore:
    """The schematics of one factory, kept in its `artifacts.schematic` registry."""

    def __init__(self, registry: RegistryClient, version: str) -> None:
        self._registry = registry
        self._version = version

    def register(self, text: str) -> tuple[str, str]:
        """Keep a schematic; return its ID and its canonical text.

        Raises:
            RefusedError: 400, for a wrong shape or a field this factory does not know.
        """
        schematic = self._read(text)
        if schematic.owner and is_at_least(self._version, _OWNER_REFUSED_SINCE):
            raise RefusedError(400, "owner field is only supported in Enterprise edition")
        identity = schematic_id(schematic, factory=self._version)
        canonical = canonical_yaml(schematic, factory=self._version)
        self._put(identity, canonical.encode())
        return identity, canonical

    def find(self, identity: str) -> Schematic:
        """Return a schematic by its ID. Only the layer is read, no manifest.

        Raises:
            RefusedError: 404, there is none; 400, this release cannot read it: a newer one's, or
                one of the few texts that the YAML library writes and does not understand.
        """
        digest = f"sha256:{identity}"
        missing = RefusedError(404, f'schematic ID "{identity}" not found')
        if not is_digest(digest):
            raise missing
        try:
            text = self._registry.blob(_REPOSITORY, digest)
        except RegistryClientError as error:
            if error.status == 404:
                raise missing from None
            raise
        return self._read(text.decode())

    def _read(self, text: str) -> Schematic:
        self._refuse_unknown_fields(text)
        try:
            return parse_schematic(text, factory=self._version)
        except AirgapError as error:
            raise self._refusal(error.message) from None

    def _refuse_unknown_fields(self, text: str) -> None:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_node() if loader.check_node() else None
        except yaml.YAMLError as error:
            raise RefusedError(400, f"yaml: {error}".replace("\n", " ")) from None
        finally:
            loader.dispose()
        if node is None:
            raise RefusedError(400, "EOF")
        if lines := list(unknown_fields(node, _numbers(self._version))):
            raise self._refusal(*lines)

    def _refusal(self, *lines: str) -> RefusedError:
        word = "construct" if is_at_least(self._version, _CONSTRUCT_SINCE) else "unmarshal"
        return RefusedError(400, "\n  ".join((f"yaml: {word} errors:", *lines)))

    def _put(self, identity: str, canonical: bytes) -> None:
        """Keep the text as a layer, under a manifest tagged by the ID."""
        layer = self._registry.put_blob(_REPOSITORY, canonical)
        image = {
            "architecture": "",
            "created": _EPOCH,
            "history": [{"created": _EPOCH}],
            "os": "",
            "rootfs": {"type": "layers", "diff_ids": [layer]},
            "config": {},
        }
        config = _compact(image)
        document = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {
                "mediaType": _CONFIG,
                "size": len(config),
                "digest": self._registry.put_blob(_REPOSITORY, config),
            },
            "layers": [{"mediaType": _LAYER, "size": len(canonical), "digest": layer}],
        }
        raw = _compact(document)
        self._registry.put_manifest(_REPOSITORY, raw, _MANIFEST, reference=identity)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").split("."))


def _compact(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
