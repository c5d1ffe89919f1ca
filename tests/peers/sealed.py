"""Programs in network and mount namespaces of their own: loopback is all the network there is.

/etc holds what the test puts there and nothing else: names, private authority, configuration. The
test talks to the programs through sockets in the file system, which no network namespace separates.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.peers.processes import ServerError

__all__ = ["SealedProgram", "ask_inside", "await_answer", "await_end", "sealed"]

_READY_S = 90.0
_STOP_S = 30.0
_INSIDE = Path(__file__).with_name("inside.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedProgram:
    """A program to run in there; `log` gets what it says, `<log>.ended` its exit status."""

    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path


@contextmanager
def sealed(
    programs: Sequence[SealedProgram], *, etc: Mapping[str, bytes], relays: Mapping[Path, int]
) -> Iterator[None]:
    """Run programs in there until the block ends.

    Args:
        programs: All are started at once.
        etc: The files of /etc, by their path below it.
        relays: Socket to make → port in there that it leads to.

    Raises:
        ServerError: There can be no such namespaces here; the text says why.
    """
    order = {
        "programs": [
            {
                "command": list(program.command),
                "environment": dict(program.environment),
                "log": str(program.log),
            }
            for program in programs
        ],
        "etc": {name: content.hex() for name, content in etc.items()},
        "relays": {str(path): port for path, port in relays.items()},
    }
    command = ["unshare", "--net", "--mount", *_user(), sys.executable, "-I", str(_INSIDE)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stderr=pipe, text=True) as process:
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
        try:
            _await_relays(process, relays)
            yield
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()
            _end(process)


def ask_inside(relay: Path, *, host: str) -> httpx.Client:
    """Return a client for the plain HTTP server behind a relay."""
    transport = httpx.HTTPTransport(uds=str(relay))
    return httpx.Client(
        transport=transport, base_url=f"http://{host}", trust_env=False, timeout=_READY_S
    )


def await_answer(client: httpx.Client, path: str, program: SealedProgram) -> None:
    """Wait until a program answers, whatever it answers.

    Raises:
        ServerError: It ended, or did not answer in time; the text ends with what it said.
    """
    deadline = time.monotonic() + _READY_S
    ended = program.log.with_suffix(".ended")
    while not ended.exists() and time.monotonic() < deadline:
        try:
            client.get(path)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    status = ended.read_text() if ended.exists() else "no exit"
    said = program.log.read_text(errors="replace")[-4000:]
    raise ServerError(f"{program.command[0]}: {status}, and no answer at {path}:\n{said}")


def await_end(program: SealedProgram) -> None:
    """Wait until a program has ended, however; ServerError when it does not."""
    deadline = time.monotonic() + _READY_S
    while not program.log.with_suffix(".ended").exists():
        if time.monotonic() > deadline:
            raise ServerError(f"{program.command[0]} did not end in {_READY_S:.0f} s")
        time.sleep(0.05)


def _user() -> Sequence[str]:
    """Whoever is not root becomes it in there, and only in there."""
    return () if os.geteuid() == 0 else ("--map-root-user",)


def _await_relays(process: subprocess.Popen[str], relays: Mapping[Path, int]) -> None:
    deadline = time.monotonic() + _READY_S
    while not all(path.exists() for path in relays):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            said = process.stderr.read() if process.stderr else ""
            raise ServerError(f"no sealed namespaces here: {said.strip()}")
        time.sleep(0.05)


def _end(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
