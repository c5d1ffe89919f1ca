"""Boot assets from the factory: waited for, whole, and never continued.

What the peer does: image-factory v1.5.0 `internal/frontend/http` (no ranges, no ETag, a 302 to S3),
as the practice factory has it; `tests/peers` holds that one against the real v1.0.3.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from werkzeug.wrappers import Response

from airgap.errors import AirgapError, FactoryError, IntegrityError
from airgap.factory import FactoryClient
from airgap.net import RetryPolicy, StoppedError, Traffic
from airgap.progress import Awaited, Report
from airgap.schematic import schematic_for
from airgap.store import Store
from airgap.talos import FactoryAsset
from lab.factory import Factory
from lab.objectstore import ObjectStore
from tests.factory.conftest import IMPATIENT, RELEASE, Login, MakeFactory
from tests.net.servers import running

__all__: list[str] = []

NAME = "initramfs-amd64.xz"
MOST = 1 << 30
WAIT_S = 60


class Bytes:
    """Takes what comes, and counts how often it began anew."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.starts = 0

    def restart(self) -> None:
        self.starts += 1
        self.data.clear()

    def write(self, data: memoryview) -> None:
        self.data += data


@pytest.fixture
def asset(client: FactoryClient) -> FactoryAsset:
    """A boot asset of a registered schematic."""
    identity = client.register(schematic_for(extra_kernel_args=["vga=791"]))
    return FactoryAsset(talos=RELEASE, schematic=identity, name=NAME)


def fetch(client: FactoryClient, asset: FactoryAsset, size: int | None = None) -> Bytes:
    sink = Bytes()
    client.transfer(asset, sink, size=size, max_bytes=MOST).run()
    return sink


def path_of(asset: FactoryAsset) -> str:
    return f"/image/{asset.schematic}/{asset.talos}/{asset.name}"


def in_background(run: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_a_build_is_waited_for_and_told_of(
    factory: Factory, client: FactoryClient, asset: FactoryAsset, told: list[Report]
) -> None:
    heard = threading.Event()
    sinks: list[Bytes] = []

    def hear(report: Report) -> None:
        told.append(report)
        heard.set()

    factory.gate.close()
    with FactoryClient(
        factory.url,
        version="v1.5.0",
        progress=hear,
        every_s=0.01,
    ) as patient:
        thread = in_background(lambda: sinks.append(fetch(patient, asset)))
        factory.gate.wait_for(NAME)
        assert heard.wait(WAIT_S)
        assert not sinks
        factory.gate.open()
        thread.join(WAIT_S)
    first = told[0]
    assert isinstance(first, Awaited)
    assert (first.item, first.what) == (asset.key, "being built by the factory")
    assert first.seconds > 0
    # made once, whoever asks: the second one gets the same bytes
    assert sinks[0].data == fetch(client, asset).data
    assert len(factory.requests.select(path=NAME)) == 2


def test_a_run_that_is_stopped_waits_no_longer(factory: Factory, asset: FactoryAsset) -> None:
    outcome: list[AirgapError] = []

    def run() -> None:
        try:
            fetch(stopped, asset)
        except AirgapError as error:
            outcome.append(error)

    factory.gate.close()
    with FactoryClient(factory.url, version="v1.5.0", traffic=Traffic()) as stopped:
        thread = in_background(run)
        factory.gate.wait_for(NAME)
        stopped.stop()
        thread.join(WAIT_S)
    assert [type(error) for error in outcome] == [StoppedError]


def test_patience_has_an_end(factory: Factory, asset: FactoryAsset) -> None:
    factory.gate.close()
    with (
        FactoryClient(factory.url, retry=RetryPolicy(attempts=1), build_s=0.05) as hasty,
        pytest.raises(FactoryError, match=r"timed out \(request ID [0-9a-f-]{36}\)"),
    ):
        fetch(hasty, asset)


def test_a_proxy_that_does_not_wait_is_asked_again(
    factory: Factory, client: FactoryClient, asset: FactoryAsset
) -> None:
    """A gateway gives up after a minute while the build goes on; more often than we repeat."""
    factory.faults.add(NAME, times=8, status=504, body=b"upstream timed out")
    clock = iter(range(0, 100_000, 60))
    transfer = client.transfer(asset, sink := Bytes(), size=None, max_bytes=MOST)
    transfer._clock = lambda: float(next(clock))
    transfer.run()
    assert sink.data == fetch(client, asset).data


def test_a_gateway_that_refuses_at_once_is_an_error(
    factory: Factory, client: FactoryClient, asset: FactoryAsset
) -> None:
    factory.faults.add(NAME, times=None, status=504, body=b"no upstream")
    with pytest.raises(FactoryError, match="status 504"):
        fetch(client, asset)
    assert len(factory.requests.select(path=NAME)) == IMPATIENT.attempts


def test_a_failed_build_is_not_made_to_fail_again(
    factory: Factory, client: FactoryClient, asset: FactoryAsset
) -> None:
    factory.faults.add(NAME, times=None, status=500, body=b"internal server error\n")
    with pytest.raises(FactoryError, match="500: internal server error") as caught:
        fetch(client, asset)
    assert "factory's log" in caught.value.hint
    assert len(factory.requests.select(path=NAME)) == 1


def test_one_that_is_cut_off_begins_anew_and_asks_for_no_range(
    factory: Factory, client: FactoryClient, asset: FactoryAsset, tmp_path: Path
) -> None:
    whole = bytes(fetch(client, asset).data)
    factory.requests.clear()
    factory.faults.add(NAME, times=2, truncate_to=70_000)
    store = Store.open(tmp_path / "store", create=True)
    with store.receive_new(max_bytes=MOST) as reception:
        client.transfer(asset, reception, size=None, max_bytes=MOST).run()
        assert store.assets() == {}
    assert reception.digests.size == len(whole)
    digest = reception.digests.sha256
    assert digest.hex == hashlib.sha256(whole).hexdigest()
    assert store.blob_path(digest).read_bytes() == whole
    asked = factory.requests.select(path=NAME)
    assert len(asked) == 3
    assert not [each for each in asked if {"range", "if-range"} & {k.lower() for k in each.headers}]


def test_one_that_never_comes_whole_leaves_nothing(
    factory: Factory, client: FactoryClient, asset: FactoryAsset, tmp_path: Path
) -> None:
    factory.faults.add(NAME, times=None, truncate_to=70_000)
    store = Store.open(tmp_path / "store", create=True)
    files = {path for path in store.root.rglob("*") if path.is_file()}
    with (
        pytest.raises(FactoryError, match=r"ended after 70000 of \d+ bytes .request ID "),
        store.receive_new(max_bytes=MOST) as reception,
    ):
        client.transfer(asset, reception, size=None, max_bytes=MOST).run()
    assert {path for path in store.root.rglob("*") if path.is_file()} == files


def test_what_an_earlier_run_had_is_not_continued(
    factory: Factory, client: FactoryClient, asset: FactoryAsset, tmp_path: Path
) -> None:
    """A store goes on with what it has; a factory cannot."""
    whole = bytes(fetch(client, asset).data)
    factory.requests.clear()
    store = Store.open(tmp_path / "store", create=True)
    with store.receive_new(max_bytes=MOST) as reception:
        reception.write(0, b"x" * 1000)
        client.transfer(asset, reception, size=len(whole), max_bytes=MOST).run()
    assert reception.digests.sha256.hex == hashlib.sha256(whole).hexdigest()
    assert [each.headers.get("Range") for each in factory.requests] == [None]


def alter(change: Callable[[Response], object]) -> Callable[[Response], Response]:
    """Return a fault that changes a right answer."""

    def altered(response: Response) -> Response:
        change(response)
        return response

    return altered


def lie(response: Response) -> None:
    response.headers["Content-Encoding"] = "gzip"


def test_a_page_is_not_taken_for_an_asset(
    factory: Factory, client: FactoryClient, asset: FactoryAsset
) -> None:
    factory.faults.add_login_page(NAME, times=None)
    with pytest.raises(FactoryError, match="HTML page") as caught:
        fetch(client, asset)
    assert "Sign in" not in caught.value.diagnostics()


def test_what_is_compressed_on_the_way_is_refused(
    factory: Factory, client: FactoryClient, asset: FactoryAsset
) -> None:
    factory.faults.add(NAME, alter=alter(lie))
    with pytest.raises(FactoryError, match=r"Content-Encoding gzip.*request ID"):
        fetch(client, asset)


def test_another_length_than_the_locks_is_refused_before_a_byte(
    client: FactoryClient, asset: FactoryAsset
) -> None:
    whole = fetch(client, asset).data
    sink = Bytes()
    with pytest.raises(IntegrityError, match=rf"has {len(whole)} bytes, expected 7 .request ID"):
        client.transfer(asset, sink, size=7, max_bytes=MOST).run()
    assert not sink.data


def test_more_than_may_be_is_refused(client: FactoryClient, asset: FactoryAsset) -> None:
    with pytest.raises(IntegrityError, match=r"more than may be .request ID"):
        client.transfer(asset, Bytes(), size=None, max_bytes=10).run()


def test_the_object_store_gets_no_credentials(make_factory: MakeFactory) -> None:
    """An enterprise factory wants a login (401), and leads to S3 by a presigned URL."""
    login = Login()
    with ObjectStore() as elsewhere:
        factory = make_factory(object_store=elsewhere)
        factory.faults.add(
            "/schematics",
            status=401,
            headers={"WWW-Authenticate": 'Basic realm="factory"'},
            body=b"unauthorized\n",
        )
        with FactoryClient(
            factory.url, version="v1.5.0", retry=IMPATIENT, credentials=login
        ) as client:
            identity = client.register(schematic_for())
            kernel = FactoryAsset(talos=RELEASE, schematic=identity, name="kernel-amd64")
            found = fetch(client, kernel)
        (asked,) = elsewhere.requests.select(path="/image-factory/")
        (led,) = factory.requests.select(path="/image/")
    assert login.hosts == [factory.host]
    assert led.status == 302
    assert led.headers["Authorization"] == "<redacted>"
    assert "Authorization" not in asked.headers
    assert asked.sent_bytes == len(found.data)


def test_the_login_is_sent_to_who_asks_for_it_only(factory: Factory) -> None:
    login = Login()
    with FactoryClient(factory.url, retry=IMPATIENT, credentials=login) as client:
        client.versions()
    assert login.hosts == []
    assert all("Authorization" not in each.headers for each in factory.requests)


def test_a_refused_login_says_whose_credentials_to_check(factory: Factory) -> None:
    factory.faults.add(
        "/versions",
        times=None,
        status=401,
        headers={"WWW-Authenticate": 'Basic realm="factory"'},
    )
    with (
        FactoryClient(factory.url, retry=IMPATIENT, credentials=Login()) as client,
        pytest.raises(FactoryError, match="status 401") as caught,
    ):
        client.versions()
    assert factory.host in caught.value.hint


def test_an_answer_in_chunks_has_an_end_of_its_own(
    factory: Factory, client: FactoryClient, asset: FactoryAsset
) -> None:
    """A proxy may send on what it gets as it comes (RFC 9112, 7.1)."""
    whole = fetch(client, asset).data
    factory.faults.add(NAME, alter=alter(lambda answer: answer.headers.pop("Content-Length")))
    assert fetch(client, asset).data == whole


class _Endless(BaseHTTPRequestHandler):
    """Ends a body by closing the connection, as HTTP/1.0 does."""

    protocol_version = "HTTP/1.0"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"perhaps the whole")


def test_an_answer_of_which_nobody_knows_the_end_is_refused(asset: FactoryAsset) -> None:
    with (
        running(ThreadingHTTPServer(("127.0.0.1", 0), _Endless)) as server,
        FactoryClient(f"http://127.0.0.1:{server.server_port}", retry=IMPATIENT) as client,
        pytest.raises(FactoryError, match=r"does not say how long it is .request ID"),
    ):
        fetch(client, asset)


def test_an_empty_answer_is_no_asset(
    factory: Factory, client: FactoryClient, asset: FactoryAsset
) -> None:
    factory.faults.add(NAME, times=None, status=200, body=b"")
    with pytest.raises(IntegrityError, match=r"is empty .request ID"):
        fetch(client, asset)
