"""kill -9 while pushing to real registries: they never show half an image, and get it whole."""

from __future__ import annotations

import hashlib
import http.client
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from airgap.store.reception import CHUNK_BYTES
from tests.faults.kills import KILLS, MIB, SEED, TAG, Freight, Toll, make_freight
from tests.faults.kills import REPOSITORY as NAME
from tests.faults.victim import Nursery, Task
from tests.peers.certificates import Certificates, issue_certificates
from tests.peers.registries import RealRegistry, serve_registry
from tests.practice_images import OCI_INDEX, OCI_MANIFEST
from tools.peers import locate

pytestmark = pytest.mark.peers

STREAMS = 4
LARGEST = 24 * MIB


@pytest.fixture(scope="module")
def freight() -> Freight:
    return make_freight([LARGEST] * 5 + [12 * MIB, 6 * MIB, 3 * MIB, MIB], asset=0)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(params=["registry", "docker-registry"])
def registry(
    request: pytest.FixtureRequest, certificates: Certificates, folder: Path
) -> Iterator[RealRegistry]:
    program: Literal["registry", "docker-registry"] = request.param
    with serve_registry(locate(), program, certificates, folder / program) as found:
        yield found


class Outside:
    """What anybody can see of a registry: by its API, and on its disk."""

    def __init__(self, registry: RealRegistry, certificates: Certificates) -> None:
        self._registry = registry
        self._tls = ssl.create_default_context(cafile=str(certificates.authority))

    def ask(self, method: str, path: str) -> tuple[int, bytes]:
        """Ask with nothing of ours between."""
        connection = http.client.HTTPSConnection(self._registry.host, context=self._tls)
        try:
            connection.request(method, path, headers={"Accept": f"{OCI_INDEX}, {OCI_MANIFEST}"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def is_there(self, freight: Freight) -> bool:
        """Tell whether the tag is there; then all below it has to be, too."""
        status, raw = self.ask("GET", f"/v2/{NAME}/manifests/{TAG}")
        if status == 404:
            return False
        assert (status, raw) == (200, freight.image.index)
        for child in json.loads(raw)["manifests"]:
            status, raw = self.ask("GET", f"/v2/{NAME}/manifests/{child['digest']}")
            assert status == 200
            for blob in (json.loads(raw)["config"], *json.loads(raw)["layers"]):
                assert self.ask("HEAD", f"/v2/{NAME}/blobs/{blob['digest']}")[0] == 200
        return True

    def blobs(self) -> set[str]:
        """Return the blobs on its disk, each of them hashed."""
        folder = self._registry.storage / "docker/registry/v2/blobs/sha256"
        found = {path.parent.name: path for path in folder.rglob("data")}
        for name, path in found.items():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == name
        return {f"sha256:{name}" for name in found}


def test_killed_pushes_end_whole_and_never_show_half(
    victims: Nursery,
    registry: RealRegistry,
    certificates: Certificates,
    freight: Freight,
    folder: Path,
) -> None:
    freight.fill(folder / "store")
    outside = Outside(registry, certificates)
    task = Task(
        store=folder / "store",
        lock=freight.lock.model_copy(update={"assets": {}}),
        record=folder / "record",
        registry=registry.url,
        ca=certificates.authority.read_text(),
        workers=STREAMS,
    )
    # distribution keeps what a cut upload brought; docker-registry 2.8 drops it, whole.
    worst = CHUNK_BYTES if registry.program == "registry" else LARGEST
    wanted = max(6, KILLS // 10)
    toll = Toll(most=STREAMS * worst, wanted=wanted, seed=SEED + 4, longest_s=0.15)
    sent = 0
    while True:
        victim = victims.start(task)
        was_killed = toll.strike(victim)
        sent += victim.moved_bytes
        if not was_killed:
            break
        toll.kills += 1
        outside.is_there(freight)
    assert outside.is_there(freight)
    assert outside.blobs() >= set(freight.blobs)
    again = sent - freight.size
    print(f"{registry.program}: {toll.met} kills in mid-stream, {again / MIB:.2f} MiB again")  # noqa: T201
    assert toll.met
    assert again <= toll.kills * toll.most
