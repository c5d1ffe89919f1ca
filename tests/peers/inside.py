"""What runs inside a sealed namespace (see `sealed`): loopback, files below /etc, programs.

Started as a file by a Python with no project in its path; the order comes as a line of JSON. It
ends with its standard input, and its programs with it.
"""

import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import TypedDict

_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914  # netdevice(7)
_IFF_UP = 1
_PIECE = 1 << 16


class _Program(TypedDict):
    command: list[str]
    environment: dict[str, str]
    log: str


class _Order(TypedDict):
    programs: list[_Program]
    etc: dict[str, str]
    relays: dict[str, int]


def main() -> None:
    """Carry out the order on standard input; return when that ends."""
    order: _Order = json.loads(sys.stdin.readline())
    _raise_loopback()
    _replace_etc({name: bytes.fromhex(text) for name, text in order["etc"].items()})
    for path, port in order["relays"].items():
        _relay(Path(path), port)
    programs = [_start(program) for program in order["programs"]]
    sys.stdin.read()
    for program in programs:
        program.terminate()
    for program in programs:
        program.wait()


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        answer = fcntl.ioctl(control, _SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0))
        _, flags = struct.unpack("16sH14x", answer)
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))


def _replace_etc(files: dict[str, bytes]) -> None:
    """Cover /etc with an empty one that holds these files alone, as a container from scratch."""
    command = shutil.which("mount") or "mount"
    subprocess.run([command, "-t", "tmpfs", "tmpfs", "/etc"], check=True)
    for name, content in files.items():
        path = Path("/etc", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _start(program: _Program) -> subprocess.Popen[bytes]:
    log = Path(program["log"])
    with log.open("ab") as output:
        process = subprocess.Popen(
            program["command"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=program["environment"],
            cwd=log.parent,
        )
    threading.Thread(target=_note_end, args=(process, log), daemon=True).start()
    return process


def _note_end(process: subprocess.Popen[bytes], log: Path) -> None:
    log.with_suffix(".ended").write_text(str(process.wait()))


def _relay(path: Path, port: int) -> None:
    """Carry what comes to a socket in the file system to a port in here."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    threading.Thread(target=_accept, args=(listener, port), daemon=True).start()


def _accept(listener: socket.socket, port: int) -> None:
    while True:
        outside, _ = listener.accept()
        inside = socket.socket()
        try:
            inside.connect(("127.0.0.1", port))
        except OSError:
            outside.close()
            inside.close()
            continue
        for source, target in ((outside, inside), (inside, outside)):
            threading.Thread(target=_pump, args=(source, target), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(_PIECE):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        source.close()
        target.close()


if __name__ == "__main__":
    main()
    os._exit(0)  # threads of relays are in system calls, and nothing is left to do
