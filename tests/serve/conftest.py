"""A layout written by hand as the OCI image-layout specification says, and a server over it.

The writer shares no code with the store: what is served here is what another tool made.
"""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from airgap.serve import Server
from airgap.store import Store

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
SIGNATURE = "application/vnd.dev.sigstore.bundle.v0.3+json"
REPOSITORY = "ghcr.io/siderolabs/kubelet"


@dataclass(slots=True)
class HandLayout:
    """Writes an image layout: blobs, index.json, oci-layout."""

    root: Path
    entries: list[dict[str, object]] = field(default_factory=list)

    def blob(self, media_type: str, data: bytes) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        path = self.root / "blobs" / "sha256" / digest
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    def document(self, media_type: str, **content: object) -> dict[str, object]:
        body = {"schemaVersion": 2, "mediaType": media_type, **content}
        return self.blob(media_type, json.dumps(body).encode())

    def manifest(self, layer: bytes, **more: object) -> dict[str, object]:
        config = self.blob(CONFIG, b'{"architecture":"amd64","os":"linux"}')
        layers = [self.blob(LAYER, layer)]
        return self.document(MANIFEST, config=config, layers=layers, **more)

    def name(self, descriptor: dict[str, object], name: str) -> None:
        annotations = {"org.opencontainers.image.ref.name": name}
        self.entries.append({**descriptor, "annotations": annotations})
        self.write()

    def write(self) -> None:
        (self.root / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": self.entries}
        temporary = self.root / "index.new"
        temporary.write_text(json.dumps(index))
        temporary.rename(self.root / "index.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response, whole; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document

    @property
    def codes(self) -> list[object]:
        return [error["code"] for error in self.json()["errors"]]


Ask = Callable[..., Answer]
LAYER_BYTES = b"0123456789" * 300_000  # 3 MB: more than one piece


@pytest.fixture
def hand_layout(tmp_path: Path) -> HandLayout:
    """ghcr.io/siderolabs/kubelet: three tags of one index, and a signature that refers to it."""
    layout = HandLayout(tmp_path / "store")
    first = layout.manifest(LAYER_BYTES)
    second = layout.manifest(b"arm64 layer")
    index = layout.document(INDEX, manifests=[first, second])
    for tag in ("v1.34.1", "v1.34.0", "v1.33.2"):
        layout.name(index, f"{REPOSITORY}:{tag}")
    empty = layout.blob("application/vnd.oci.empty.v1+json", b"{}")
    signature = layout.document(
        MANIFEST,
        artifactType=SIGNATURE,
        config=empty,
        layers=[layout.blob(SIGNATURE, b'{"signature": 1}')],
        subject=index,
        annotations={"dev.sigstore.bundle.content": "dsse-envelope"},
    )
    layout.name(signature, f"{REPOSITORY}@{signature['digest']}")
    layout.name(layout.manifest(b"nginx layer"), "docker.io/library/nginx:1.27.3")
    return layout


@pytest.fixture
def served(hand_layout: HandLayout) -> Iterator[Server]:
    with Server(Store.open(hand_layout.root), "127.0.0.1", 0) as server:
        yield server


def ask_server(server: Server, method: str, path: str, headers: dict[str, str]) -> Answer:
    host, port = server.url.partition("://")[2].split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(status=response.status, headers=found, body=response.read())
    finally:
        connection.close()


@pytest.fixture
def ask(served: Server) -> Ask:
    def send(path: str, *, method: str = "GET", **headers: str) -> Answer:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask_server(served, method, path, names)

    return send
