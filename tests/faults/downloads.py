"""The cells of the fault matrix for what comes into the store: boot assets and images."""

from __future__ import annotations

import errno
import itertools
import json
import re
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from werkzeug.wrappers import Response

from airgap.errors import IntegrityError, PublishError, RegistryError, UpstreamError
from airgap.net import parts
from airgap.oci.credentials import Credential
from airgap.store.disk import Disk
from airgap.store.reception import CHUNK_BYTES, NOTE_BYTES
from lab.auth import BasicAuth, BearerAuth
from lab.releases import Release, Releases
from lab.website import Website
from tests.faults.line import Plug
from tests.faults.rows import cell
from tests.faults.scene import (
    CONTENT,
    CUT,
    FILE,
    MIB,
    SIZE,
    VERSION,
    DownloadScene,
    Ran,
    lock_of,
    secure,
)
from tests.faults.stage import Stage, again, refusal, until
from tests.faults.trust import (
    Demanding,
    Named,
    refused_by_proxy,
    without_client_certificate,
)
from tests.practice_images import OCI_MANIFEST, PracticeImage, digest_of
from tests.store.conftest import read_layout
from tests.store.power import PowerDisk

__all__: list[str] = []

PASSWORD = "a password of the test's"
BUFFER = MIB
"""A stream hands over at most so much at a time."""


def cut(scene: DownloadScene) -> None:
    """Break the next transfer of the content after `CUT` bytes."""
    scene.server.faults.add(scene.content, method="GET", truncate_to=CUT)


def ranges_asked(scene: DownloadScene) -> list[str]:
    """Return the Range of each request for the content, "" where it had none."""
    return [
        exchange.headers.get("Range", "")
        for exchange in scene.server.requests.select(method="GET")
        if scene.content.rpartition("/")[2] in exchange.path and exchange.status != 302
    ]


# The machine


@cell("kill", "asset", "pull")
def killed(stage: Stage) -> str:
    scene = stage.download()
    scene.server.link.bytes_per_s = 40 * MIB
    victim = stage.victims.start(scene.task())
    victim.kill_after(CUT)
    scene.check_nothing_partial()
    assert not scene.is_there()
    scene.server.link.bytes_per_s = 0
    scene.runs.append(Ran(error=None, moved=victim.moved_bytes))
    scene.finish()
    return f"continued inside the blob; {again(scene, most=NOTE_BYTES + BUFFER)}"


@cell("power", "asset", "pull")
def power_lost(stage: Stage) -> str:
    scene = stage.download()
    scene.disk = disk = _Failing(scene.root, boot="before", seed=5)
    refusal(scene.run(), PublishError, "the power is off")
    assert not scene.is_there()
    left = stage.folder / "left"
    disk.leave(left)
    scene.root, scene.disk = left, None
    scene.check_nothing_partial()
    scene.finish()
    lost = CUT - CHUNK_BYTES + BUFFER
    return f"continued behind what was synced; {again(scene, most=lost)}"


class _Failing(PowerDisk):
    """Its power fails behind `CUT`, once the first chunk of the content is noted as synced."""

    def write(self, descriptor: int, data: memoryview, offset: int) -> None:
        end = time.monotonic() + 60
        while offset >= CUT and self.fail_at < 0:
            assert time.monotonic() < end, "no chunk was ever synced"
            journals = [self.certain(path) or b"" for path in self.root.rglob("*.journal")]
            if any(b'"synced"' in journal for journal in journals):
                self.fail_at = 0
            time.sleep(0.001)
        super().write(descriptor, data, offset)


class _Full(Disk):
    """A disk with little room.

    Args:
        room: How many bytes files may take before it is full.
        reserves: Whether the file system can tell before.
    """

    def __init__(self, room: int, *, reserves: bool) -> None:
        self._room = room
        self._reserves = reserves

    def reserve(self, _descriptor: int, size: int) -> None:
        if self._reserves and size > self._room:
            raise OSError(errno.ENOSPC, "No space left on device")

    def write(self, descriptor: int, data: memoryview, offset: int) -> None:
        if offset + len(data) > self._room:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(descriptor, data, offset)


@cell("disk-early", "asset", "pull")
def disk_is_full(stage: Stage) -> str:
    scene = stage.download()
    scene.disk = _Full(CUT, reserves=True)
    ran = scene.run()
    words = refusal(ran, PublishError, "No space left on device")
    scene.check_nothing_left()
    assert ranges_asked(scene) == []
    scene.disk = None
    scene.finish()
    return f"{words}, before the first byte; {again(scene)}"


@cell("disk-late", "asset", "pull")
def disk_fills_up(stage: Stage) -> str:
    scene = stage.download()
    scene.disk = _Full(CUT, reserves=False)
    ran = scene.run()
    words = refusal(ran, PublishError, "No space left on device")
    assert not scene.is_there()
    scene.disk = None
    scene.finish()
    return f"{words}; then continued inside the blob; {again(scene, most=BUFFER)}"


# The line


@cell("reset", "asset", "pull")
def reset(stage: Stage) -> str:
    scene = stage.download()
    line = stage.unplug(scene, Plug(way="down", after=CUT, how="reset"))
    assert scene.run().error is None
    assert line.strikes == 1
    scene.finish()
    return f"continued inside the blob; {again(scene)}"


@cell("closed", "asset", "pull")
def closed_early(stage: Stage) -> str:
    scene = stage.download()
    cut(scene)
    assert scene.run().error is None
    assert ranges_asked(scene) == ["", f"bytes={CUT}-"]
    scene.finish()
    return f"continued inside the blob; {again(scene)}"


@cell("silence", "asset", "pull")
def silence(stage: Stage) -> str:
    stage.be_impatient()
    scene = stage.download()
    line = stage.unplug(scene, Plug(way="down", after=CUT, how="silence"))
    assert scene.run().error is None
    assert line.strikes == 1
    assert len(ranges_asked(scene)) == 2
    scene.finish()
    return f"given up after the timeout, continued inside the blob; {again(scene)}"


@cell("no-answer", "asset", "pull")
def no_answer(stage: Stage) -> str:
    stage.be_impatient()
    scene = stage.download()

    def is_asked_again() -> bool:
        return len(ranges_asked(scene)) == 2

    scene.server.faults.add(scene.content, method="GET", then=lambda: until(is_asked_again))
    assert scene.run().error is None
    assert len(ranges_asked(scene)) == 2
    scene.finish()
    return f"given up after the timeout, asked again; {again(scene)}"


@cell("lost-answer", "asset", "pull")
def answer_lost(stage: Stage) -> str:
    scene = stage.download()
    scene.server.faults.add(scene.content, method="GET", drop=True)
    assert scene.run().error is None
    scene.finish()
    return f"asked again; {again(scene)}"


# Continuing


@cell("200", "asset", "pull")
def whole_answer_to_a_range(stage: Stage) -> str:
    scene = stage.download()
    scene.server.faults.add(scene.content, method="GET", truncate_to=CUT, then=scene.stop_ranges)
    assert scene.run().error is None
    assert ranges_asked(scene) == ["", f"bytes={CUT}-"]
    scene.finish()
    return f"started once anew, nothing appended; {again(scene)}"


@cell("200-parallel", "asset", "pull")
def whole_answer_to_a_parallel_range(stage: Stage) -> str:
    """Two such at once, and one to the first stream as well: `tests/net/test_help.py`."""
    stage.patch.setattr(parts, "SPLIT_BYTES", MIB)
    scene = stage.download()
    scene.workers = 2
    scene.server.link.bytes_per_s = 9 * MIB

    def forget(response: Response) -> Response:
        assert response.status_code == 206
        etag = response.headers["ETag"]
        return Response(CONTENT, headers={"Accept-Ranges": "bytes", "ETag": etag})

    scene.server.faults.add(scene.content, method="GET", delay_s=0.0)  # the first is left alone
    scene.server.faults.add(scene.content, method="GET", times=None, alter=forget)
    assert scene.run().error is None
    first, other = ranges_asked(scene)
    assert first == ""
    assert other != ""
    scene.server.link.bytes_per_s = 0
    scene.finish()
    return f"not taken, the first stream brings all; {again(scene)}"


@cell("no-range", "asset", "pull")
def no_ranges(stage: Stage) -> str:
    scene = stage.download()
    scene.stop_ranges()
    cut(scene)
    assert scene.run().error is None
    scene.finish()
    return f"started once anew after a cut; {again(scene)}"


@cell("off-by-one", "asset", "pull")
def range_off_by_one(stage: Stage) -> str:
    scene = stage.download()
    cut(scene)

    def shift(response: Response) -> Response:
        assert response.status_code == 206
        response.headers["Content-Range"] = f"bytes {CUT + 1}-{SIZE - 1}/{SIZE}"
        response.set_data(CONTENT[CUT + 1 :])
        return response

    scene.server.faults.add(scene.content, method="GET", alter=shift)
    assert scene.run().error is None
    assert ranges_asked(scene) == ["", f"bytes={CUT}-", ""]
    scene.finish()
    return f"not taken, started once anew; {again(scene)}"


@cell("other-total", "asset", "pull")
def range_of_another_total(stage: Stage) -> str:
    scene = stage.download()
    cut(scene)

    def enlarge(response: Response) -> Response:
        assert response.status_code == 206
        response.headers["Content-Range"] = f"bytes {CUT}-{SIZE - 1}/{SIZE + 1}"
        return response

    scene.server.faults.add(scene.content, method="GET", alter=enlarge)
    words = refusal(scene.run(), IntegrityError, f"has {SIZE + 1} bytes, expected {SIZE}")
    scene.check_nothing_left()
    scene.finish()
    return f"{words}; what came is gone; {again(scene)}"


@cell("validator", "asset", "pull")
def another_validator(stage: Stage) -> str:
    scene = stage.download()
    cut(scene)

    def change(response: Response) -> Response:
        assert response.status_code == 206
        response.headers["ETag"] = '"another"'
        response.set_data(bytes(SIZE - CUT))
        return response

    scene.server.faults.add(scene.content, method="GET", alter=change)
    assert scene.run().error is None
    asked = [
        exchange.headers.get("If-Range", "")
        for exchange in scene.server.requests.select(method="GET")
        if exchange.headers.get("Range") and exchange.status != 302
    ]
    assert len(asked) == 1
    assert asked[0], "the validator of the first bytes goes with the Range"
    scene.finish()
    return f"not taken, started once anew; {again(scene)}"


# Being kept waiting


@cell("429", "asset", "pull")
def too_many_requests(stage: Stage) -> str:
    scene = stage.download()
    refuse(scene, 429, "30")
    return waited(scene)


@cell("503", "asset", "pull")
def unavailable_until_a_date(stage: Stage) -> str:
    scene = stage.download()
    moment = int(time.time()) + 30
    refuse(scene, 503, formatdate(moment, usegmt=True))
    return waited(scene, moment)


def refuse(scene: DownloadScene, status: int, retry_after: str) -> None:
    """Let the next request for the content be refused for a while."""
    headers = {"Retry-After": retry_after}
    scene.server.faults.add(scene.content, method="GET", status=status, headers=headers)


def waited(scene: DownloadScene, moment: int = 0) -> str:
    """See that the content was asked for once more, after half a minute, or at a moment."""
    assert scene.run().error is None
    assert len(ranges_asked(scene)) == 2
    least = moment - time.time() if moment else 28
    assert least < scene.clock.now < 32
    scene.finish()
    return f"waited the 30 s it was asked to; {again(scene)}"


@cell("remaining", "asset", "pull")
def rate_limit_used_up(stage: Stage) -> str:
    scene = stage.download()

    def tell(response: Response) -> Response:
        response.headers["RateLimit-Remaining"] = "0"
        response.headers["RateLimit-Reset"] = "30"
        return response

    scene.server.faults.add(scene.content, method="GET", truncate_to=CUT, alter=tell)
    assert scene.run().error is None
    assert {exchange.status for exchange in scene.server.requests} <= {200, 206, 302}
    assert 28 < scene.clock.now < 34
    scene.finish()
    return f"waited the 30 s before asking again, and was never refused; {again(scene)}"


# Wrong content


@cell("login", "asset", "pull")
def login_page(stage: Stage) -> str:
    scene = stage.download()
    scene.server.faults.add_login_page(scene.content)
    words = refusal(scene.run(), UpstreamError, "answered with an HTML page instead of content")
    scene.check_nothing_left()
    scene.finish()
    return f"{words}; nothing of it is kept; {again(scene)}"


@cell("short", "asset", "pull")
def length_too_short(stage: Stage) -> str:
    return length(stage, SIZE - 1000)


@cell("long", "asset", "pull")
def length_too_long(stage: Stage) -> str:
    return length(stage, SIZE + 1000)


def length(stage: Stage, stated: int) -> str:
    """Let the peer state another length than the lock's or the manifest's."""
    scene = stage.download()

    def lie(response: Response) -> Response:
        return Response((CONTENT + bytes(1000))[:stated], headers={"ETag": '"x"'})

    scene.server.faults.add(scene.content, method="GET", alter=lie)
    words = refusal(scene.run(), IntegrityError, f"has {stated} bytes, expected {SIZE}")
    scene.check_nothing_left()
    scene.finish()
    return f"{words}, before the first byte; {again(scene)}"


@cell("gzip", "asset", "pull")
def compressed(stage: Stage) -> str:
    scene = stage.download()

    def compress(response: Response) -> Response:
        response.headers["Content-Encoding"] = "gzip"
        return response

    scene.server.faults.add(scene.content, method="GET", alter=compress)
    words = refusal(scene.run(), UpstreamError, "sent with Content-Encoding gzip, not as it is")
    scene.check_nothing_left()
    scene.finish()
    return f"{words}; {again(scene)}"


@cell("blob", "asset", "pull")
def flipped_byte(stage: Stage) -> str:
    scene = stage.download()
    scene.server.faults.add(scene.content, method="GET", flip_byte=CUT)
    ran = scene.run()
    words = refusal(ran, IntegrityError, "expected sha")
    assert not scene.is_there()
    scene.check_nothing_left()
    scene.finish()
    return f"{words}…”; the bad bytes are gone; {again(scene)}".replace("”…”", "…”")


@cell("manifest", "pull")
def flipped_byte_in_a_manifest(stage: Stage) -> str:
    scene = stage.pull()
    scene.server.faults.add("/manifests/sha256:", method="GET", flip_byte=40)
    words = refusal(scene.run(), IntegrityError, f"expected {scene.image.digest}")
    held = {path.name for path in (scene.root / "blobs/sha256").iterdir()}
    assert held == set()
    scene.finish()
    return f"{words[:28]}…”; the bad bytes are gone; {again(scene)}"


@cell("endless", "asset", "pull")
def endless(stage: Stage) -> str:
    scene = stage.download()

    def go_on(_: Response) -> Response:
        return Response(itertools.repeat(bytes(MIB)), headers={"ETag": '"x"'})

    scene.server.faults.add(scene.content, method="GET", alter=go_on)
    ran = scene.run()
    refusal(ran, IntegrityError, "expected sha")
    assert ran.moved <= SIZE + 2 * BUFFER
    scene.check_nothing_left()
    scene.finish()
    return "cut off at the size it should have; refused: “expected sha…”; the bad bytes are gone"


@cell("big-manifest", "pull")
def oversized_manifest(stage: Stage) -> str:
    scene = stage.pull()
    page = b'{"schemaVersion": 2, "x": "' + bytes(5 * MIB) + b'"}'
    scene.server.faults.add("/manifests/", method="GET", status=200, body=page)
    ran = scene.run()
    words = refusal(ran, UpstreamError, "the answer is larger than 4194304 bytes")
    assert ran.moved <= 5 * MIB
    scene.finish()
    return f"{words}; nothing of it is kept"


@cell("big-tags", "pull")
def oversized_tags_list(stage: Stage) -> str:
    scene = stage.pull()
    page = b'{"tags": ["' + b'","'.join([b"v1"] * 1_000_000) + b'"]}'
    scene.server.faults.add("/tags/list", status=200, body=page)
    with pytest.raises(RegistryError, match="the answer is larger than 4194304 bytes"):
        scene.tags()
    scene.finish()
    return "refused: “the answer is larger than 4194304 bytes”"


@cell("names", "asset")
def odd_names_of_an_asset(stage: Stage) -> str:
    scene = stage.asset()
    (pin,) = scene.lock.assets.values()
    hostile = f"{VERSION}/../../../../escaped"
    scene.other_lock = scene.lock.model_copy(update={"assets": {hostile: pin}})
    words = refusal(scene.run(), PublishError, "cannot name a boot asset")
    assert not list(stage.folder.rglob("escaped"))
    assert read_layout(scene.root).names == {}
    scene.other_lock = None
    scene.finish()
    return words


@cell("names", "pull")
def odd_names_of_an_image(stage: Stage) -> str:
    scene = stage.pull()
    layer = {"mediaType": "x", "digest": "sha256:../../../../escaped", "size": 3}
    config = {"mediaType": "x", "digest": digest_of(b"{}"), "size": 2}
    raw = json.dumps(
        {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer]}
    ).encode()
    scene.other_lock = lock_of(PracticeImage(raw, (), ()))
    headers = {"Content-Type": OCI_MANIFEST}
    scene.server.faults.add("/manifests/", status=200, body=raw, headers=headers)
    words = refusal(scene.run(), IntegrityError, "bad descriptor")
    assert not list(stage.folder.rglob("escaped"))
    scene.other_lock = None
    scene.server.faults.add("/tags/list", status=200, body=b'{"tags": ["../../escaped"]}')
    with pytest.raises(RegistryError, match="which is no tag"):
        scene.tags()
    scene.finish()
    return f"{words}, in a manifest; refused: “which is no tag”, in a list"


# Trust


@cell("elsewhere", "asset")
def asset_elsewhere(stage: Stage) -> str:
    release = Release(VERSION, names=())
    release.put(FILE, CONTENT)
    other = stage.enter(Releases([release]))
    scene = stage.asset(object_store=other.url)
    scene.finish()
    assert other.requests.select(method="GET")
    for exchange in (*scene.server.requests, *other.requests):
        assert "Authorization" not in exchange.headers
    return f"followed; no credential is sent to either host; {again(scene)}"


@cell("elsewhere", "pull")
def image_elsewhere(stage: Stage) -> str:
    scene = stage.pull(auth=BasicAuth({"site": PASSWORD}))
    scene.credential = Credential(username="site", password=PASSWORD)
    other = stage.enter(serve_content(stage.folder / "www"))
    send_away(scene, f"{other.url}/content")
    assert scene.run().error is None
    (exchange,) = other.requests
    assert "Authorization" not in exchange.headers
    assert "Authorization" in scene.server.requests.select(path="/blobs/")[-1].headers
    scene.finish()
    return f"followed; the credential stays with its host; {again(scene)}"


def serve_content(folder: Path) -> Website:
    """Return a web server, on another port and so of another origin, that has the content."""
    folder.mkdir()
    (folder / "content").write_bytes(CONTENT)
    return Website(folder)


def send_away(scene: DownloadScene, url: str) -> None:
    """Redirect the next request for the content."""
    scene.server.faults.add(scene.content, status=307, headers={"Location": url})


@cell("downgrade", "asset", "pull")
def downgrade(stage: Stage) -> str:
    other = stage.enter(serve_content(stage.folder / "www"))
    scene = stage.download(authority=secure(stage.folder))
    send_away(scene, f"{other.url}/content")
    words = refusal(scene.run(), UpstreamError, "refused to go on without TLS")
    assert list(other.requests) == []
    scene.check_nothing_left()
    scene.finish()
    return f"{words}; the other server was not asked; {again(scene)}"


@cell("redirects", "asset", "pull")
def endless_redirects(stage: Stage) -> str:
    scene = stage.download()
    scene.server.faults.add(scene.content, status=307, headers={"Location": "?again"}, times=None)
    words = refusal(scene.run(), UpstreamError, "more than 5 redirects")
    asked = [each for each in scene.server.requests if re.search(scene.content, each.path)]
    assert len(asked) <= 6, "not tried again"
    scene.check_nothing_left()
    scene.finish()
    return f"{words}; {again(scene)}"


@cell("token", "asset")
def signed_url_expires(stage: Stage) -> str:
    scene = stage.asset()
    cut(scene)
    assert scene.run().error is None
    asked = [exchange.path for exchange in scene.server.requests if exchange.status == 302]
    assert len(asked) == 2
    scene.finish()
    return (
        "a boot asset needs no token; for a signed URL, which expires too, the release is asked "
        f"anew at each try; {again(scene)}"
    )


@cell("token", "pull")
def token_expires(stage: Stage) -> str:
    auth = BearerAuth({})
    scene = stage.pull(auth=auth)
    scene.server.faults.add(scene.content, method="GET", truncate_to=CUT, then=auth.revoke_all)
    assert scene.run().error is None
    assert [e.status for e in scene.server.requests.select(path="/blobs/")].count(401) == 1
    scene.finish()
    return f"a new token, continued inside the blob; {again(scene)}"


@cell("authority", "asset", "pull")
def untrusted(stage: Stage) -> str:
    authority = secure(stage.folder)
    scene = stage.download(authority=authority)
    scene.authority = None
    words = refusal(scene.run(), UpstreamError, "the server's certificate is not trusted")
    assert list(scene.server.requests) == []
    scene.authority = authority
    scene.finish()
    return f"{words}; nothing was asked; {again(scene)}"


@cell("client", "asset", "pull")
def no_client_certificate(stage: Stage) -> str:
    authority = Demanding(stage.folder / "authority")
    return without_client_certificate(stage, stage.download(authority=authority), authority)


@cell("proxy", "asset", "pull")
def refusing_proxy(stage: Stage) -> str:
    authority = Named(stage.folder / "authority")
    return refused_by_proxy(stage, stage.download(authority=authority))
