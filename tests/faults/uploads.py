"""The cells of the fault matrix for what goes to the site's registry."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from email.utils import formatdate

import pytest
from werkzeug.wrappers import Request, Response

from airgap.digest import Digest
from airgap.errors import IntegrityError, RegistryError, UpstreamError
from airgap.oci.credentials import Credential
from airgap.oci.manifest import Descriptor
from airgap.transfer.wanted import images_of
from lab.auth import BasicAuth, BearerAuth
from lab.deviance import Deviance
from lab.registry import Registry
from tests.faults.line import Plug
from tests.faults.rows import cell
from tests.faults.scene import (
    CONTENT,
    CUT,
    DIGEST,
    IMAGE,
    MIB,
    REPOSITORY,
    SIZE,
    TAG,
    CopyScene,
    PushScene,
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
from tests.faults.victim import await_hung_up
from tests.practice_images import CONFIG, OCI_MANIFEST, digest_of

__all__: list[str] = []

PASSWORD = "a password of the test's"
UPLOADS = "/blobs/uploads/"
_KERNEL_BYTES = 6 * MIB
"""What two sockets' buffers on loopback may hold (tcp_wmem and tcp_rmem of Linux)."""


def cut(scene: PushScene) -> None:
    """Break the upload of the content after `CUT` bytes."""
    scene.server.faults.add(UPLOADS, method="PUT", cut_after=CUT)


# The machine


@cell("kill", "push")
def killed(stage: Stage) -> str:
    scene = stage.push()
    kill(stage, scene)
    scene.finish()
    return f"continued inside the blob, where the registry's upload ends; {again(scene)}"


def kill(stage: Stage, scene: PushScene) -> None:
    """Kill a process that pushes, in the middle of the content."""
    scene.server.link.bytes_per_s = 20 * MIB
    victim = stage.victims.start(scene.task())
    victim.kill_after(MIB)  # it counts every four
    scene.server.link.bytes_per_s = 0
    await_hung_up(scene.server.port)
    scene.check_nothing_partial()
    assert DIGEST not in scene.registry.content.pool, "the kill came too late"


def blobs(scene: PushScene) -> int:
    """Return how many blobs the image has."""
    return len(set(scene.image.blobs))


@cell("power", "push")
def power_lost(stage: Stage) -> str:
    scene = stage.push()
    kill(stage, scene)
    (record,) = scene.ledger.path.parent.glob("*.uploads.json")
    record.write_bytes(b"")  # it is renamed but not synced: this is what a power cut may leave
    scene.orphans = scene.registry.uploads.open_sessions
    scene.finish()
    return f"begun anew, when the record of the upload was lost; {again(scene, most=SIZE)}"


@cell("disk-early", "push")
def registry_is_full(stage: Stage) -> str:
    scene = stage.push()
    full = b"no space left on device"
    scene.server.faults.add(UPLOADS, method="POST", times=None, status=507, body=full)
    words = refusal(scene.run(), RegistryError, "status 507: no space left on device")
    assert not scene.is_there()
    scene.finish()
    return f"the registry's disk: {words}; {again(scene)}"


@cell("disk-late", "push")
def registry_fills_up(stage: Stage) -> str:
    scene = stage.push()

    def full(_: Response) -> Response:
        return Response("no space left on device", status=507)

    scene.server.faults.add(UPLOADS, method="PUT", alter=full)
    scene.registry.content.remove_blob(REPOSITORY, DIGEST)
    words = refusal(scene.run(), RegistryError, "status 507: no space left on device")
    assert not scene.is_there()
    scene.finish()
    return f"the registry's disk: {words}; {again(scene, most=SIZE)}"


# The line


@cell("reset", "push")
def reset(stage: Stage) -> str:
    scene = stage.push()
    line = stage.unplug(scene, Plug(way="up", after=CUT, how="reset"))
    assert scene.run().error is None
    assert line.strikes == 1
    scene.finish()
    return f"continued inside the blob, where the registry's upload ends; {again(scene)}"


@cell("closed", "push")
def closed_early(stage: Stage) -> str:
    scene = stage.push()
    cut(scene)
    assert scene.run().error is None
    scene.finish()
    return f"continued inside the blob, where the registry's upload ends; {again(scene)}"


@cell("silence", "push")
def silence(stage: Stage) -> str:
    stage.be_impatient()
    scene = stage.push()
    line = stage.unplug(scene, Plug(way="up", after=CUT, how="silence"))
    assert scene.run().error is None
    assert line.strikes == 1
    scene.finish()
    return f"given up after the timeout, continued inside the blob; {again(scene, most=MIB)}"


@cell("no-answer", "push")
def no_answer(stage: Stage) -> str:
    stage.be_impatient()
    scene = stage.push()

    def is_asked_again() -> bool:
        return len(scene.server.requests.select(method="POST", path=UPLOADS)) > blobs(scene)

    scene.server.faults.add(UPLOADS, method="POST", then=lambda: until(is_asked_again))
    assert scene.run().error is None
    # The late answer opens an upload that nobody knows of.
    until(lambda: 0 not in {exchange.status for exchange in scene.server.requests})
    scene.orphans = 1
    scene.finish()
    return f"given up after the timeout, asked again; {again(scene)}"


@cell("lost-answer", "push")
def answer_lost(stage: Stage) -> str:
    scene = stage.push()
    scene.server.faults.add(UPLOADS, method="PUT", mute=True)
    assert scene.run().error is None
    scene.finish()
    return f"the blob is found to have arrived; {again(scene)}"


# Continuing: nothing is read by ranges from a store, but straight from upstream it is


def copy(stage: Stage) -> CopyScene:
    """Return a copy whose source breaks off once."""
    scene = stage.copy()
    scene.upstream.server.faults.add(DIGEST, method="GET", truncate_to=CUT)
    return scene


def copied(scene: CopyScene) -> str:
    """See that the copy went through, and say what it took."""
    ran = scene.run()
    assert ran.error is None, ran.error.diagnostics()
    scene.finish()
    read = round(scene.read_again() / MIB)
    return f"{again(scene)}, {f'{read} MiB' if read else 'nothing'} read again"


def answer(scene: CopyScene, alter: Callable[[Response], Response]) -> None:
    """Let the answer behind the break be another one."""
    scene.upstream.server.faults.add(DIGEST, method="GET", alter=alter)


@cell("200", "push")
def upstream_gives_all(stage: Stage) -> str:
    scene = stage.copy()
    scene.upstream.server.faults.add(
        DIGEST, method="GET", truncate_to=CUT, then=scene.upstream.stop_ranges
    )
    return f"straight from upstream: read anew, sent on behind what was there; {copied(scene)}"


@cell("no-range", "push")
def upstream_without_ranges(stage: Stage) -> str:
    scene = copy(stage)
    scene.upstream.stop_ranges()
    how = "read anew after a cut, sent on behind what was there"
    return f"straight from upstream: {how}; {copied(scene)}"


@cell("off-by-one", "push")
def upstream_is_off_by_one(stage: Stage) -> str:
    scene = copy(stage)

    def shift(response: Response) -> Response:
        assert response.status_code == 206
        response.headers["Content-Range"] = f"bytes {CUT + 1}-{SIZE - 1}/{SIZE}"
        response.set_data(CONTENT[CUT + 1 :])
        return response

    answer(scene, shift)
    return f"straight from upstream: not taken, read anew; {copied(scene)}"


@cell("other-total", "push")
def upstream_has_another_total(stage: Stage) -> str:
    scene = copy(stage)

    def enlarge(response: Response) -> Response:
        assert response.status_code == 206
        response.headers["Content-Range"] = f"bytes {CUT}-{SIZE - 1}/{SIZE + 1}"
        return response

    answer(scene, enlarge)
    words = refusal(scene.run(), IntegrityError, f"has {SIZE + 1} bytes, expected {SIZE}")
    assert not scene.is_there()
    assert scene.registry.uploads.open_sessions == 0, "the upload is cancelled"
    scene.finish()
    return f"straight from upstream: {words}; the upload is cancelled; {again(scene)}"


@cell("validator", "push")
def upstream_has_another_validator(stage: Stage) -> str:
    scene = copy(stage)

    def change(response: Response) -> Response:
        assert response.status_code == 206
        response.headers["ETag"] = '"another"'
        response.set_data(bytes(SIZE - CUT))
        return response

    answer(scene, change)
    words = refusal(scene.run(), IntegrityError, "expected sha256:")
    assert not scene.is_there()
    assert DIGEST not in scene.registry.content.pool
    assert scene.registry.uploads.open_sessions == 0, "the upload is cancelled"
    scene.finish()
    return (
        f"straight from upstream: other bytes are {words}, before the last of them is sent; "
        f"the upload is cancelled; {again(scene)}"
    )


# Being kept waiting


@cell("429", "push")
def too_many_requests(stage: Stage) -> str:
    scene = stage.push()
    headers = {"Retry-After": "30"}
    scene.server.faults.add(UPLOADS, method="POST", status=429, headers=headers)
    return waited(scene)


@cell("503", "push")
def unavailable_until_a_date(stage: Stage) -> str:
    scene = stage.push()
    moment = int(time.time()) + 30
    headers = {"Retry-After": formatdate(moment, usegmt=True)}
    scene.server.faults.add(UPLOADS, method="POST", status=503, headers=headers)
    return waited(scene, moment)


def waited(scene: PushScene, moment: int = 0) -> str:
    """See that the upload was begun once more, after half a minute, or at a moment."""
    assert scene.run().error is None
    begun = scene.server.requests.select(method="POST", path=UPLOADS)
    assert len(begun) == blobs(scene) + 1
    least = moment - time.time() if moment else 28
    assert least < scene.clock.now < 34
    scene.finish()
    return f"waited the 30 s it was asked to; {again(scene)}"


@cell("remaining", "push")
def rate_limit_used_up(stage: Stage) -> str:
    scene = stage.push()

    def tell(response: Response) -> Response:
        response.headers["RateLimit-Remaining"] = "0"
        response.headers["RateLimit-Reset"] = "30"
        return response

    scene.server.faults.add(UPLOADS, method="PUT", alter=tell)
    assert scene.run().error is None
    assert 429 not in {exchange.status for exchange in scene.server.requests}
    assert 28 < scene.clock.now < 34
    scene.finish()
    return f"waited the 30 s before asking again, and was never refused; {again(scene)}"


# Wrong content


@cell("login", "push")
def login_page(stage: Stage) -> str:
    scene = stage.push()
    scene.server.faults.add_login_page(UPLOADS)
    words = refusal(scene.run(), UpstreamError, "answered with an HTML page instead of content")
    assert not scene.is_there()
    scene.finish()
    return f"{words}; {again(scene)}"


@cell("short", "push")
def file_too_short(stage: Stage) -> str:
    return wrong_length(stage, CONTENT[:-1000])


@cell("long", "push")
def file_too_long(stage: Stage) -> str:
    return wrong_length(stage, CONTENT + bytes(1000))


def wrong_length(stage: Stage, data: bytes) -> str:
    """Let the store's file have another size than the manifest says."""
    scene = stage.push()
    spoil(scene, DIGEST, data)
    words = refusal(scene.run(), IntegrityError, "its bytes in the store have changed")
    assert again(scene, most=-SIZE)
    assert not scene.is_there()
    spoil(scene, DIGEST, CONTENT)
    scene.finish()
    return f"a store's file of another size: {words}, before the first byte; {again(scene)}"


def spoil(scene: PushScene, digest: str, data: bytes) -> None:
    """Put other bytes under a digest's name in the store, as a bad disk does."""
    path = scene.store.blob_path(Digest.parse(digest))
    path.chmod(0o644)
    path.write_bytes(data)


@cell("gzip", "push")
def compressed(stage: Stage) -> str:
    scene = stage.push()

    def compress(response: Response) -> Response:
        response.headers["Content-Encoding"] = "gzip"
        response.set_data(b"\x1f\x8b but not really")
        return response

    scene.server.faults.add(UPLOADS, method="POST", alter=compress)
    words = refusal(scene.run(), UpstreamError, "sent with Content-Encoding gzip")
    assert not scene.is_there()
    scene.orphans = 1
    scene.finish()
    return f"an answer of the registry's: {words}"


@cell("blob", "push")
def flipped_byte(stage: Stage) -> str:
    scene = stage.push()
    spoil(scene, DIGEST, CONTENT[:CUT] + bytes([CONTENT[CUT] ^ 0xFF]) + CONTENT[CUT + 1 :])
    words = refusal(scene.run(), IntegrityError, "its bytes in the store have changed")
    assert not scene.is_there()
    assert DIGEST not in scene.registry.content.pool
    spoil(scene, DIGEST, CONTENT)
    scene.finish()
    return f"in the store: {words}; the registry did not take it; {again(scene)}"


@cell("manifest", "push")
def flipped_byte_in_a_manifest(stage: Stage) -> str:
    scene = stage.push()
    index = scene.image.index
    spoil(scene, scene.image.digest, index[:40] + bytes([index[40] ^ 0xFF]) + index[41:])
    words = refusal(scene.run(), IntegrityError, "its bytes in the store have changed")
    assert not scene.is_there()
    spoil(scene, scene.image.digest, index)
    scene.finish()
    return f"in the store: {words}; {again(scene)}"


@cell("endless", "push")
def endless_answer(stage: Stage) -> str:
    scene = stage.push()

    def go_on(response: Response) -> Response:
        headers = {"Docker-Content-Digest": DIGEST}
        return Response(itertools.repeat(bytes(MIB)), status=201, headers=headers)

    scene.server.faults.add(UPLOADS, method="PUT", alter=go_on)
    assert scene.run().error is None
    (answer,) = [e for e in scene.server.requests.select(method="PUT") if e.sent_bytes >= MIB]
    assert answer.sent_bytes < 4096 + _KERNEL_BYTES + 2 * MIB
    scene.finish()
    return f"an answer of the registry's: read no further than 4096 bytes; {again(scene)}"


@cell("big-manifest", "push")
def oversized_manifest(stage: Stage) -> str:
    scene = stage.push()
    page = b'{"schemaVersion": 2, "x": "' + bytes(5 * MIB) + b'"}'
    scene.server.faults.add(f"/manifests/{TAG}", method="HEAD", status=200, body=page)
    scene.server.faults.add(f"/manifests/{TAG}", method="GET", status=200, body=page)
    ran = scene.run()
    words = refusal(ran, UpstreamError, "the answer is larger than 4194304 bytes")
    scene.finish()
    return f"under the tag, there: {words}; nothing was touched"


@cell("big-tags", "push")
def oversized_tags_list(stage: Stage) -> str:
    scene = stage.push()
    scene.finish()
    page = b'{"tags": ["' + b'","'.join([b"v1"] * 1_000_000) + b'"]}'
    scene.server.faults.add("/tags/list", status=200, body=page)
    words = "the answer is larger than 4194304 bytes"
    with scene.client() as client, pytest.raises(RegistryError, match=words):
        client.tags(REPOSITORY)
    return f"when pruning: refused: “{words}”"


@cell("names", "push")
def odd_location(stage: Stage) -> str:
    scene = stage.push()

    def point_at_a_file(response: Response) -> Response:
        response.headers["Location"] = "file:///etc/passwd"
        response.autocorrect_location_header = False
        return response

    scene.server.faults.add(UPLOADS, method="POST", alter=point_at_a_file)
    words = refusal(scene.run(), UpstreamError, "which is not http(s)")
    assert not scene.is_there()
    scene.orphans = 1
    scene.finish()
    return f"an upload's Location: {words}"


# Trust


class TwoDoors(Registry):
    """A registry that wants a password, and takes uploads at another host that wants none."""

    def __init__(self, other: Registry) -> None:
        super().__init__(auth=BasicAuth({"site": PASSWORD}))
        self._other = other
        other.content, other.uploads = self.content, self.uploads

    def respond(self, request: Request) -> Response:
        response = super().respond(request)
        location = response.headers.get("Location", "")
        if UPLOADS in location:
            response.headers["Location"] = location.replace(self.url, self._other.url)
        return response


@cell("elsewhere", "push")
def upload_elsewhere(stage: Stage) -> str:
    other = stage.enter(Registry())
    scene = stage.push(registry=TwoDoors(other))
    scene.credential = Credential(username="site", password=PASSWORD)
    scene.finish()
    there = other.requests.select(method="PUT", path=UPLOADS)
    assert len(there) == blobs(scene)
    assert all("Authorization" not in exchange.headers for exchange in other.requests)
    assert "Authorization" in scene.server.requests.select(method="PUT")[-1].headers
    return f"an upload's Location: followed; the credential stays with its host; {again(scene)}"


@cell("downgrade", "push")
def downgrade(stage: Stage) -> str:
    other = stage.enter(Registry())
    scene = stage.push(authority=secure(stage.folder))

    def point_at_http(response: Response) -> Response:
        response.headers["Location"] = f"{other.url}/v2/x/blobs/uploads/1"
        return response

    scene.server.faults.add(UPLOADS, method="POST", alter=point_at_http)
    words = refusal(scene.run(), UpstreamError, "refused to go on without TLS")
    assert list(other.requests) == []
    scene.orphans = 1
    scene.finish()
    return f"an upload's Location: {words}; the other server was not asked; {again(scene)}"


@cell("token", "push")
def token_expires(stage: Stage) -> str:
    auth = BearerAuth({"site": PASSWORD})
    scene = stage.push(auth=auth)
    scene.credential = Credential(username="site", password=PASSWORD)
    cut(scene)
    scene.clock.on_sleep = auth.revoke_all  # between the cut and the next try
    assert scene.run().error is None
    refused = [exchange.path for exchange in scene.server.requests if exchange.status == 401]
    assert any(UPLOADS in path and len(path.rpartition("/")[2]) == 32 for path in refused)
    scene.finish()
    return f"a new token, continued inside the blob; {again(scene)}"


@cell("authority", "push")
def untrusted(stage: Stage) -> str:
    authority = secure(stage.folder)
    scene = stage.push(authority=authority)
    scene.authority = None
    words = refusal(scene.run(), UpstreamError, "the server's certificate is not trusted")
    assert list(scene.server.requests) == []
    scene.authority = authority
    scene.finish()
    return f"{words}; nothing was asked; {again(scene)}"


@cell("redirects", "push")
def endless_redirects(stage: Stage) -> str:
    scene = stage.push()
    scene.server.faults.add(
        "/blobs/sha256", method="HEAD", status=307, headers={"Location": "?again"}, times=None
    )
    words = refusal(scene.run(), UpstreamError, "more than 5 redirects")
    scene.finish()
    return f"an answer of the registry's: {words}; {again(scene)}"


@cell("client", "push")
def no_client_certificate(stage: Stage) -> str:
    authority = Demanding(stage.folder / "authority")
    return without_client_certificate(stage, stage.push(authority=authority), authority)


@cell("proxy", "push")
def refusing_proxy(stage: Stage) -> str:
    authority = Named(stage.folder / "authority")
    return refused_by_proxy(stage, stage.push(authority=authority))


# Upload deviants


def cut_at(stage: Stage, deviance: Deviance, *, orphans: int = 0) -> PushScene:
    """Break an upload to a registry with ways of its own, and run on."""
    scene = stage.push(deviance=deviance)
    cut(scene)
    assert scene.run().error is None
    scene.orphans = orphans
    scene.finish()
    return scene


@cell("no-status", "push")
def no_upload_status(stage: Stage) -> str:
    scene = cut_at(stage, Deviance(upload_status=False), orphans=1)
    return f"started once anew; {again(scene)}"


@cell("range-is-length", "push")
def range_is_length(stage: Stage) -> str:
    scene = cut_at(stage, Deviance(range_is_length=True))
    return f"found out with two bytes of an upload of their own, continued; {again(scene)}"


@cell("202", "push")
def wrong_ranges_are_taken(stage: Stage) -> str:
    scene = cut_at(stage, Deviance(checks_ranges=False))
    return f"continued at the registry's own account, so that no range is wrong; {again(scene)}"


@cell("drops", "push")
def cut_uploads_are_dropped(stage: Stage) -> str:
    scene = cut_at(stage, Deviance(keeps_cut_uploads=False), orphans=1)
    return f"started once anew; {again(scene)}"


@cell("no-whole", "push")
def no_whole_bodies(stage: Stage) -> str:
    scene = stage.push(deviance=Deviance(takes_whole=False))
    assert scene.run().error is None
    scene.finish()
    patched = scene.server.requests.select(method="PATCH", path=UPLOADS)
    assert len(patched) == blobs(scene)
    return "sent by PATCH and an empty PUT, once that is known"


@cell("no-mount", "push")
def no_mount(stage: Stage) -> str:
    scene = stage.push(deviance=Deviance(mounts=False))
    twin = lock_of(scene.image).model_copy(
        update={"images": {IMAGE.replace("etcd", "twin"): lock_of(scene.image).images[IMAGE]}}
    )
    scene.items = (*scene.items, *images_of([twin]))
    assert scene.run().error is None
    begun = scene.server.requests.select(method="POST", path=UPLOADS)
    assert len(begun) == 2 * blobs(scene), "a declined mount's upload is used"
    scene.finish()
    assert scene.registry.content.has_blob(REPOSITORY.replace("etcd", "twin"), DIGEST)
    return "sent once to each repository, by the upload that the declined mount opened"


@cell("no-referrers", "push")
def no_referrers(stage: Stage) -> str:
    scene = stage.push(registry=Registry(without_referrers=("",)))
    subject = Digest.parse(scene.image.digest)
    raw = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": "application/vnd.example.sbom",
            "config": {"mediaType": CONFIG, "digest": digest_of(b"{}"), "size": 2},
            "layers": [],
            "subject": {
                "mediaType": "application/vnd.oci.image.index.v1+json",
                "digest": str(subject),
                "size": len(scene.image.index),
            },
        }
    ).encode()
    scene.finish()
    for blob in (b"{}", raw):
        scene.store.put(blob)
    digest = Digest.parse(digest_of(raw))
    name = f"{REPOSITORY}@{digest}"
    scene.store.name({name: Descriptor(media_type=OCI_MANIFEST, digest=digest, size=len(raw))})
    pin = (
        lock_of(scene.image)
        .images[IMAGE]
        .model_copy(
            update={"digest": str(digest), "media_type": OCI_MANIFEST, "need": "signatures"}
        )
    )
    scene.items = images_of([lock_of(scene.image).model_copy(update={"images": {name: pin}})])
    assert scene.run().error is None
    with scene.client() as client:
        assert [found.digest for found in client.referrers(REPOSITORY, subject)] == [digest]
    return "listed under the subject's fallback tag, and found there"
