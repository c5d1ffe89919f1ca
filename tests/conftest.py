"""What holds for every test: no traffic but on loopback, and no verdict by chance or by the clock.

Generated examples are the same in every run; `AIRGAP_RANDOM=1` draws others, and prints what
repeats a failure.
"""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

__all__ = ["SIDEROS_OWN"]

SIDEROS_OWN = Path(__file__).resolve().parents[2] / "shared" / "crds"
"""Where Sidero's own definitions may lie, beside the checkout."""

settings.register_profile(
    "tests",
    deadline=None,
    derandomize=os.environ.get("AIRGAP_RANDOM") != "1",
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tests")


# A run that a shell put into the background has Ctrl-C ignored, and so has all that it starts: the
# tests that press it would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _is_loopback(host: object) -> bool:
    text = host.decode() if isinstance(host, bytes) else str(host)
    if text in {"localhost", ""}:
        return True
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return False


# What takes longest, begun first: else one worker is left with it while the others have nothing.
LONGEST = (
    "peers/test_site.py",
    "stacks/test_life.py",
    "stacks/test_releasing.py",
    "stacks/test_killing.py",
    "faults/test_kills.py",
    "stacks/test_migration.py",
    "stacks/test_cluster.py",
    "report/test_browser.py",
    "policies/test_rules_in_the_engine.py",
    "tools/test_preview_in_the_engine.py",
    "engine/test_kubernetes_provider.py",
    "stacks/test_drift.py",
    "stacks/test_image_cache.py",
    "engine/test_language_host.py",
    "components/test_cluster_delivery.py",
    "peers/test_machine_config.py",
    "peers/test_signatures_carried.py",
    "peers/test_boot.py",
    "peers/test_fixtures.py",
    "peers/test_transfer.py",
    "faults/test_fault_matrix.py",
    "faults/test_kills_large.py",
    "stacks/",
    "engine/",
    "peers/",
    "transfer/",
    "cli/",
    "faults/",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return three for two cores: tests wait for much else than the processor."""
    cores = len(os.sched_getaffinity(0))
    return cores + (cores + 1) // 2


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the longest files first where several workers share them."""
    if hasattr(config, "workerinput"):
        items.sort(key=_rank)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what tests were judged by in place of Sidero's own definitions, if those are absent.

    Here, since of the conftests below only the workers of a parallel run know, and those are mute.
    """
    if SIDEROS_OWN.is_dir():
        return
    reports = (report for reports in terminalreporter.stats.values() for report in reports)
    ran = {str(getattr(report, "nodeid", "")).rpartition("/")[0] for report in reports}
    absent = f"absent: Sidero's own definitions ({SIDEROS_OWN});"
    for folder, consequence in _WITHOUT_SIDEROS_OWN.items():
        if folder in ran:
            terminalreporter.write_line(f"{absent} {consequence}", yellow=True)


_WITHOUT_SIDEROS_OWN = {
    "tests/peers": "the API server had ours, which tests/sidero compares by digest",
    "tests/sidero": "ours were compared by digest alone",
}


def _rank(item: pytest.Item) -> int:
    path = item.path.relative_to(Path(__file__).parent).as_posix()
    return next((rank for rank, name in enumerate(LONGEST) if path.startswith(name)), len(LONGEST))


@pytest.fixture(autouse=True)
def egress_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection and name look-up that would leave this machine."""
    connect = socket.socket.connect
    look_up = socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and not _is_loopback(address[0]):
            raise AssertionError(f"egress: a test tried to connect to {address[0]}:{address[1]}")
        connect(self, address)  # type: ignore[arg-type]  # the stub's union is wider than the call

    def guarded_look_up(host: object, *args: object, **kwargs: object) -> object:
        if host is not None and not _is_loopback(host):
            raise socket.gaierror(socket.EAI_NONAME, f"egress: a test looked up {host!r}")
        return look_up(host, *args, **kwargs)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)
