"""What providers tell the engine, heard by an engine of the test's own."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from concurrent import futures

import grpc
import pytest
from google.protobuf import empty_pb2  # type: ignore[import-untyped]  # no stubs here
from pulumi.dynamic import ConfigureRequest
from pulumi.dynamic.config import Config
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from airgap.progress import Event, Moved, Planned, Summary
from airgap.site.schedule import read_schedule
from airgap.site.transfer import Transfer
from airgap.store import Store
from lab.registry import Registry
from providers import surroundings
from providers.adapter import ProviderError
from providers.image_set import ImageSetProvider
from providers.surroundings import engine_log, shared_traffic

Inputs = dict[str, object]


class Engine(engine_pb2_grpc.EngineServicer):
    """Hears what is logged."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, bool, str]] = []

    def Log(  # noqa: N802 (the protocol's name)
        self,
        request: engine_pb2.LogRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 (the protocol's argument)
    ) -> empty_pb2.Empty:
        self.heard.append((request.severity, request.ephemeral, request.message))
        return empty_pb2.Empty()


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    found = Engine()
    engine_pb2_grpc.add_EngineServicer_to_server(found, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setattr(sys, "argv", ["provider", f"127.0.0.1:{port}"])
    monkeypatch.setattr(surroundings, "_INTERVAL_S", 0.0)
    yield found
    server.stop(None).wait()


def event(done: int) -> Event:
    return Event(item="pause:3.10", outcome="pushed", size=0, done=done, total=2)


def test_progress_is_shown_and_forgotten(engine: Engine) -> None:
    with engine_log("set talos") as log:
        log.progress(event(1))
        log.note("remember this")
        log.warn("see to that")
    assert engine.heard == [
        (engine_pb2.INFO, True, "set talos: 1/2 pause:3.10"),
        (engine_pb2.INFO, False, "set talos: remember this"),
        (engine_pb2.WARNING, False, "set talos: see to that"),
    ]


def test_progress_is_told_once_an_interval(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "_INTERVAL_S", 60.0)
    with engine_log("set talos") as log:
        for done in range(1000):
            log.progress(event(done))
    assert engine.heard == []


def test_engine_that_does_not_listen_breaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["provider", "127.0.0.1:9"])
    with engine_log("set talos") as log:
        log.note("nobody hears")


def test_refused_removal_is_a_warning(store: Store, engine: Engine, image_inputs: Inputs) -> None:
    with Registry(deletes=False) as registry:
        place = image_inputs["destination"]
        assert isinstance(place, dict)
        inputs: Inputs = {
            **image_inputs,
            "destination": {**place, "endpoint": registry.url},
            "onDelete": "delete",
        }
        provider = ImageSetProvider()
        provider.delete(provider.create(inputs).id, inputs)
    warnings = [told for severity, _, told in engine.heard if severity == engine_pb2.WARNING]
    assert len(warnings) == 3
    assert "set kubernetes: registry.k8s.io/etcd:3.6.5 stays: DELETE" in warnings[0]
    assert "405" in warnings[0]


def test_bytes_under_way_are_shown_and_forgotten(engine: Engine) -> None:
    with engine_log("set talos") as log:
        log.progress(Planned(size_bytes=4 << 20))
        log.progress(Moved(item=f"sha256:{'ab' * 32}", done_bytes=1 << 20, size_bytes=2 << 20))
    assert engine.heard[-1] == (
        engine_pb2.INFO,
        True,
        "set talos: 1.0 MiB of 4.0 MiB sha256:abababababab",
    )


def test_what_a_run_did_stays(engine: Engine) -> None:
    summary = Summary(moved_bytes=1 << 20, skipped=2, mounted=3, retried=1, seconds=1.0)
    with engine_log("set talos") as log:
        log.progress(summary)
    assert engine.heard == [
        (
            engine_pb2.INFO,
            False,
            "set talos: 1.0 MiB moved, 2 skipped, 3 mounted, 1 retried; 1.0 s (1.0 MiB/s)",
        )
    ]


def test_a_run_that_had_nothing_to_do_says_nothing(engine: Engine) -> None:
    with engine_log("set talos") as log:
        log.progress(Summary(moved_bytes=0, skipped=300, mounted=0, retried=0, seconds=1.0))
    assert engine.heard == []


# Limits


def configured(**config: str) -> ImageSetProvider:
    """Return a provider as the engine configures it: structured values come as JSON."""
    provider = ImageSetProvider()
    values = {f"sidero-airgap:{key}": value for key, value in config.items()}
    provider.configure(ConfigureRequest(Config(values, "sidero-airgap")))
    return provider


def test_limits_are_the_sites_own() -> None:
    limits = [{"between": "22:00-06:00", "rate": "unlimited"}, {"rate": "20MiB/s"}]
    transfer = {"limits": limits, "connections": 8}
    provider = configured(site=json.dumps({"schemaVersion": 1, "transfer": transfer}))
    assert read_schedule(provider.limits) == (("22:00", "06:00", None), (None, None, 20 << 20))
    assert provider.limits.connections == 8


def test_a_site_without_limits_has_none() -> None:
    assert configured(site='{"schemaVersion": 1}').limits == configured().limits == Transfer()


def test_wrong_limits_are_a_sentence() -> None:
    with pytest.raises(ProviderError, match=r"transfer: limits\.0\.rate: "):
        configured(site='{"transfer": {"limits": [{"rate": "fast"}]}}')


def test_all_sets_of_a_process_share_one_traffic() -> None:
    first, second = Transfer(connections=3), Transfer(connections=3)
    assert surroundings.shared_traffic(first) is surroundings.shared_traffic(second)
    assert surroundings.shared_traffic(Transfer(connections=4)) is not (
        surroundings.shared_traffic(first)
    )


def test_sets_that_ask_at_the_same_moment_share_one_traffic() -> None:
    """A plain cache makes one for each that asks before the first one is there."""
    limits = Transfer(connections=7)
    gate = threading.Barrier(8)

    def ask(_: int) -> int:
        gate.wait(60)
        return id(shared_traffic(limits))

    with futures.ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1
