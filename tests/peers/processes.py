"""Real server programs as child processes: a loopback port each, gone with their test."""

import itertools
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["ServerError", "bare_environment", "free_port", "serving"]

_START_S = 60.0
_STOP_S = 10.0
_ATTEMPTS = 3
_FIRST = 20_000 + os.getpid() * 100 % 10_000  # another process begins elsewhere
_PORTS: Iterator[int] = itertools.cycle([*range(_FIRST, 30_000), *range(20_000, _FIRST)])


class ServerError(Exception):
    """A server did not come up; the text ends with what it said."""


def bare_environment(**extra: str) -> dict[str, str]:
    """Return an environment with PATH and `extra`: nothing of the user's, no proxies."""
    return {"PATH": os.environ["PATH"], "LC_ALL": "C", **extra}


def free_port() -> int:
    """Return a loopback port that was free a moment ago, and that nobody is given by chance.

    The kernel gives outgoing connections, and whoever asks for any port, those above 32767.
    """
    for port in _PORTS:
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("endless")


@contextmanager
def serving(
    command: Callable[[int], Sequence[str]],
    log: Path,
    environment: Mapping[str, str],
    port: int | None = None,
) -> Iterator[int]:
    """Run a server until the block ends; yield its port.

    Args:
        command: Makes the command line for a port; called again when somebody else took the port.
        log: Gets what the server says.
        environment: The whole environment.
        port: A port to insist on, for a server that comes back at its old address.

    Raises:
        ServerError: It exited, or did not listen in time.
    """
    attempts = 1 if port else _ATTEMPTS
    for attempt in range(attempts):
        chosen = port or free_port()
        with log.open("ab") as output:
            process = subprocess.Popen(
                command(chosen), stdout=output, stderr=output, env=environment, cwd=log.parent
            )
        try:
            _await_listening(process, chosen, log)
        except ServerError:
            _stop(process)
            if attempt == attempts - 1:
                raise
            continue
        try:
            yield chosen
        finally:
            _stop(process)
        return


def _await_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    said = log.read_text(errors="replace")[-2000:]
    raise ServerError(f"{process.args!r} ended with {process.poll()} or did not listen:\n{said}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
