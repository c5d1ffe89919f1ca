"""The real servers that a bench reads from and writes to: plain HTTP, loopback, by process id."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.peers import Peers

__all__ = ["Server", "free_port", "peak_bytes", "serve_files", "serve_registry", "serving"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that runs, and the directory it serves."""

    host: str
    directory: Path


@contextmanager
def serve_registry(peers: Peers, folder: Path, program: str = "registry") -> Iterator[Server]:
    """Run a real registry (`registry` is distribution v3) over a directory."""
    storage = folder / "storage"
    storage.mkdir(parents=True)
    port = free_port()
    configuration = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(storage)},
            "delete": {"enabled": True},
            "maintenance": {"uploadpurging": {"enabled": False}},
        },
        "http": {"addr": f"127.0.0.1:{port}", "secret": "bench"},
    }
    (folder / "config.json").write_text(json.dumps(configuration))
    command = [str(peers.path(program)), "serve", str(folder / "config.json")]
    with serving(command, folder / "log", port, {"OTEL_TRACES_EXPORTER": "none"}):
        yield Server(host=f"127.0.0.1:{port}", directory=storage)


@contextmanager
def serve_files(peers: Peers, folder: Path) -> Iterator[Server]:
    """Run a real nginx over a directory."""
    root = folder / "root"
    root.mkdir(parents=True)
    port = free_port()
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n"
        "events { worker_connections 256; }\n"
        f"http {{ access_log off; sendfile on; {_temporary(folder)}"
        f" server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n"
    )
    command = [
        str(peers.path("nginx")), "-p", str(folder), "-e", f"{folder}/error.log",
        "-c", str(folder / "nginx.conf"),
    ]  # fmt: skip
    with serving(command, folder / "log", port):
        yield Server(host=f"127.0.0.1:{port}", directory=root)


def _temporary(folder: Path) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)


@contextmanager
def serving(
    command: Sequence[str], log: Path, port: int, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends.

    Raises:
        RuntimeError: It does not listen within ten seconds.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait(process, port, log)
            yield process
        finally:
            process.terminate()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen: {log.read_text()[-1000:]}")


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def peak_bytes(process: subprocess.Popen[bytes]) -> int:
    """Return the most memory that a running process has had (proc_pid_status(5), VmHWM)."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
