"""How an Image Factory takes, checks and keeps schematics.

Image Factory v1.5.0: only the shape is checked when one is posted (`pkg/schematic`); it is kept in
a registry as a layer whose digest is the ID (`internal/schematic/storage/registry`).
"""

from __future__ import annotations

import json

import yaml

from airgap.errors import AirgapError
from airgap.oci.manifest import OCI_MANIFEST
from airgap.schematic import Schematic, canonical_yaml, parse_schematic, schematic_id
from lab.documents import is_mapping
from lab.registryclient import RegistryClient, RegistryClientError

__all__ = ["RefusedError", "SchematicStore", "is_at_least"]

_LAYER = "application/vnd.sidero.dev-image.schematic"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_REPOSITORY = "image-factory/schematics"
_FIELD_SINCE = {
    "owner": (1, 2, 0),
    "customization.embeddedMachineConfiguration": (1, 3, 3),
    "customization.bootloader": (0, 9, 0),
    "customization.secureboot.enrollKeys": (1, 4, 0),
    "customization.diskImage": (1, 3, 3),
}
_OWNER_REFUSED_SINCE = (1, 4, 0)


class RefusedError(Exception):
    """What the factory answers instead: a status and a line of plain text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def is_at_least(version: str, wanted: tuple[int, int, int]) -> bool:
    """Tell whether a factory's version (`v1.5.0`) is not older than another."""
    return tuple(int(part) for part in version.removeprefix("v").split(".")) >= wanted


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
        self._refuse_newer_fields(text)
        try:
            schematic = parse_schematic(text, factory=self._version)
        except AirgapError as error:
            raise RefusedError(400, f"yaml: construct errors: {error.message}") from None
        if schematic.owner and is_at_least(self._version, _OWNER_REFUSED_SINCE):
            raise RefusedError(400, "owner is not supported")
        identity = schematic_id(schematic, factory=self._version)
        canonical = canonical_yaml(schematic, factory=self._version)
        self._put(identity, canonical.encode())
        return identity, canonical

    def find(self, identity: str) -> Schematic:
        """Return a schematic by its ID.

        Raises:
            RefusedError: 404, there is none.
        """
        try:
            text = self._registry.blob(_REPOSITORY, f"sha256:{identity}")
        except RegistryClientError as error:
            if error.status in (400, 404):
                raise RefusedError(404, "schematic not found") from None
            raise
        return parse_schematic(text.decode(), factory=self._version)

    def _refuse_newer_fields(self, text: str) -> None:
        try:
            document = next(yaml.safe_load_all(text), None)
        except yaml.YAMLError as error:
            raise RefusedError(400, f"yaml: {error}".replace("\n", " ")) from None
        if document is None:
            raise RefusedError(400, "EOF")
        for path, since in _FIELD_SINCE.items():
            if _has(document, path) and not is_at_least(self._version, since):
                field = path.rpartition(".")[2]
                message = f"line 1: field {field} not found in type schematic.Schematic"
                raise RefusedError(400, f"yaml: construct errors: {message}")

    def _put(self, identity: str, canonical: bytes) -> None:
        """Keep the text as a layer, under a manifest tagged by the ID."""
        layer, config = self._registry.put_blob(_REPOSITORY, canonical), b"{}"
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {
                "mediaType": _CONFIG,
                "size": len(config),
                "digest": self._registry.put_blob(_REPOSITORY, config),
            },
            "layers": [{"mediaType": _LAYER, "size": len(canonical), "digest": layer}],
        }
        raw = json.dumps(document).encode()
        self._registry.put_manifest(_REPOSITORY, raw, OCI_MANIFEST, reference=identity)


def _has(document: object, path: str) -> bool:
    head, _, rest = path.partition(".")
    if not is_mapping(document) or head not in document:
        return False
    return _has(document[head], rest) if rest else True
