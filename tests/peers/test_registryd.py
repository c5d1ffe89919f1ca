"""The registryd of the lab answers as Talos' own does, of each release that differs."""

import itertools
import json
from pathlib import Path

import httpx
import pytest

from airgap.imagecache.tree import Content, Tree, stream
from lab.registryd import Found, Registryd
from tests.lab.cached import HOME, INDEX, LAYER, PLATFORM, cached_image, digest_of, file_name
from tests.peers.registryd import serve_cache
from tools.peers import Peers
from tools.peers.golang import IMAGE_CACHES

pytestmark = pytest.mark.peers

_NAMELESS = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
_CONFIG_ONLY = json.dumps({"schemaVersion": 2, "config": {}}).encode()
_OTHERS = (_NAMELESS, _CONFIG_ONLY, b"{}", b"[]", b'"text"', b"nonsense", b'{"mediaType": 1}')

_NAMES = (
    "siderolabs/installer",
    "library/nginx",
    "nginx",
    "a/b",
    "Siderolabs/installer",
    "no/such",
)
_REFERENCES = (
    "v1.11.5",
    "v0",
    "untwinned",
    "forged",
    ".tag",
    "t" * 129,
    "sha256:abc",
    "sha512:" + "a" * 128,
    *map(digest_of, (INDEX, PLATFORM, LAYER, b"absent", *_OTHERS)),
)
_NAMESPACES = (
    "ghcr.io",
    "docker.io",
    "index.docker.io",
    "registry.example:5000",
    "quay.io",
    "installers",
    None,
)


@pytest.fixture(scope="module")
def cache() -> Tree:
    """Whole images in four registries, and what a cache must not have."""
    files: dict[str, Content] = {}
    for home in ("ghcr.io/siderolabs/installer", "docker.io/library/nginx"):
        files |= cached_image(f"manifests/{home}")
    files |= cached_image("manifests/registry.example_5000_/a/b")
    files |= cached_image("manifests/index.docker.io/library/nginx", "only-there")
    for raw in _OTHERS:
        files[f"{HOME}/digest/{file_name(digest_of(raw))}"] = raw
    files[f"{HOME}/reference/untwinned"] = b"untwinned"
    files[f"{HOME}/reference/forged"] = b"forged"
    files[f"{HOME}/digest/{file_name(digest_of(b'forged'))}"] = b"other"
    return Tree(files=files)


@pytest.fixture(scope="module")
def folder(cache: Tree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same on disk."""
    root = tmp_path_factory.mktemp("cache")
    _write(cache, root)
    return root


def _write(tree: Tree, root: Path) -> None:
    for path in tree.all_directories():
        (root / path).mkdir(parents=True, exist_ok=True)
    for path, content in tree.files.items():
        (root / path).write_bytes(b"".join(map(bytes, stream(content))))


def _ask(client: httpx.Client, path: str, ns: str | None) -> tuple[int, str, str, bytes]:
    """Return status, media type, digest and body; an error promises a body and sends none."""
    with client.stream("GET", path, params={"ns": ns} if ns else {}) as answer:
        if answer.status_code != 200:
            return answer.status_code, "", "", b""
        media_type = answer.headers["Content-Type"] if "/manifests/" in path else ""
        return 200, media_type, answer.headers["Docker-Content-Digest"], answer.read()


def _stated(found: Found) -> tuple[int, str, str, bytes]:
    return found.status, found.media_type, found.digest, found.body


@pytest.mark.parametrize("talos", IMAGE_CACHES)
def test_lab_answers_as_talos_does(
    peers: Peers, cache: Tree, folder: Path, talos: str, tmp_path: Path
) -> None:
    """Every name with every reference in every namespace: status, headers and body."""
    ours = Registryd([cache], talos=talos)
    wrong = []
    with serve_cache(peers, talos, [folder], tmp_path) as client:
        for name, reference, ns in itertools.product(_NAMES, _REFERENCES, _NAMESPACES):
            for kind, found in (
                ("manifests", ours.manifest(name, reference, ns)),
                ("blobs", ours.blob(name, reference, ns)),
            ):
                answer = _ask(client, f"/v2/{name}/{kind}/{reference}", ns)
                if answer != _stated(found):
                    wrong.append((kind, name, reference, ns, answer, found))
    assert wrong == []


@pytest.mark.parametrize("talos", IMAGE_CACHES)
def test_first_cache_is_preferred_and_the_other_fills_in(
    peers: Peers, folder: Path, talos: str, tmp_path: Path
) -> None:
    preferred = Tree(files={f"{HOME}/reference/v1.11.5": PLATFORM})
    _write(preferred, tmp_path / "disk")
    ours = Registryd([preferred, folder], talos=talos)
    with serve_cache(peers, talos, [tmp_path / "disk", folder], tmp_path / "home") as client:
        answer = _ask(client, "/v2/siderolabs/installer/manifests/v1.11.5", "ghcr.io")

    found = ours.manifest("siderolabs/installer", "v1.11.5", "ghcr.io")
    assert answer == _stated(found)
    assert found.digest == digest_of(PLATFORM)
