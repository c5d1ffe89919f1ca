"""Other ways to move the same bytes: what was tried where a target is missed, side by side.

Bare data paths without scheduling, journal or sync: none of them can be slower than the limit of
the machine, and a whole command cannot be faster than the best of them plus its own start.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import mmap
import os
import shlex
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from urllib.request import urlopen

from bench.content import SITE, Image, push_images
from bench.contest import Entrant, time_command
from bench.moving import CHECKOUT, Bench, again
from bench.servers import serve_files, serve_registry
from bench.shortcuts import WAYS
from tools.peers import Peers

__all__ = ["APPROACHES"]

MIB = 2**20
_PIPE_SIZE = 1031  # F_SETPIPE_SZ, linux/fcntl.h
Path_ = Callable[[http.client.HTTPResponse, socket.socket, int, int], str]


def read_write(
    response: http.client.HTTPResponse, _sock: socket.socket, file: int, _size: int
) -> str:
    """Read a mebibyte, hash it, write it: what this project does."""
    digest, offset = hashlib.sha256(), 0
    buffer = memoryview(bytearray(MIB))
    while count := response.readinto(buffer):
        digest.update(buffer[:count])
        os.pwrite(file, buffer[:count], offset)
        offset += count
    return digest.hexdigest()


def wait_all(response: http.client.HTTPResponse, sock: socket.socket, file: int, size: int) -> str:
    """Let the kernel fill each mebibyte (MSG_WAITALL): one call instead of a dozen."""
    digest, offset = hashlib.sha256(), _drain(response, file)
    buffer = memoryview(bytearray(MIB))
    digest.update(os.pread(file, offset, 0))
    with _Blocking(sock):
        while offset < size:
            count = sock.recv_into(buffer, min(MIB, size - offset), socket.MSG_WAITALL)
            digest.update(buffer[:count])
            os.pwrite(file, buffer[:count], offset)
            offset += count
    _finish(response)
    return digest.hexdigest()


def splice(response: http.client.HTTPResponse, sock: socket.socket, file: int, size: int) -> str:
    """Have the kernel move socket → pipe → file, and hash the mapped page cache."""
    digest, offset = hashlib.sha256(), _drain(response, file)
    hashed = 0
    reading, writing = os.pipe()
    view = memoryview(mmap.mmap(file, size, prot=mmap.PROT_READ))
    try:
        with _Blocking(sock):
            while offset < size:
                count = os.splice(sock.fileno(), writing, min(MIB, size - offset))
                left = count
                while left:
                    left -= os.splice(reading, file, left, offset_dst=offset + count - left)
                offset += count
                if offset - hashed >= MIB or offset == size:
                    digest.update(view[hashed:offset])
                    hashed = offset
    finally:
        view.release()
        os.close(reading)
        os.close(writing)
    _finish(response)
    return digest.hexdigest()


def download_paths(peers: Peers, directory: Path, rounds: int) -> str:
    """Pull 10 images' layers (792 MiB) to files by each of the paths, with 2, 4 and 8 threads."""
    paths: Sequence[Path_] = (read_write, wait_all, splice)
    folder = directory / "paths"
    with serve_registry(peers, folder / "source") as source:
        images = push_images(source.host, 10, layer_bytes=24 * MIB)
        seconds: dict[tuple[str, int], list[tuple[float, float]]] = {}
        for _ in range(rounds):
            for threads in (2, 4, 8):
                for path in paths:
                    os.sync()
                    found = _pull(source.host, images, folder / "out", path, threads)
                    seconds.setdefault((path.__name__, threads), []).append(found)
    rows = [
        f"| {name} | {threads} | {median(w for w, _ in held):.2f} s | "
        f"{median(c for _, c in held):.2f} s |"
        for (name, threads), held in seconds.items()
    ]
    head = ["| path | threads | median wall | CPU of the client |", "|---|---|---|---|"]
    title = f"**bare download paths, 792 MiB, sha256, no sync** ({rounds} rounds)"
    return "\n".join([title, "", *head, *rows])


def asset_hashes(peers: Peers, directory: Path, rounds: int) -> str:
    """Download 1 GiB in ten files on two threads, hashing by sha512, by both, and not at all."""
    folder = directory / "hashes"
    rows = []
    with serve_files(peers, folder / "web") as web:
        for number in range(10):
            with (web.directory / str(number)).open("wb") as file:
                for _ in range(102):
                    file.write(os.urandom(MIB))
        kinds = {"none": (), "sha256": ("sha256",), "sha512": ("sha512",)}
        for name, algorithms in {**kinds, "sha256 and sha512": ("sha256", "sha512")}.items():
            found = [_hash_files(web.host, folder / "out", algorithms) for _ in range(rounds)]
            wall, cpu = median(w for w, _ in found), median(c for _, c in found)
            rows.append(f"| {name} | {wall:.2f} s | {cpu:.2f} s |")
        sums = [
            time_command(f"cd {web.directory}; sha512sum * > /dev/null", {}).seconds
            for _ in range(rounds)
        ]
    head = ["| hashed by | median wall | CPU of the client |", "|---|---|---|"]
    title = f"**download of 1 GiB in ten files, two threads, no sync** ({rounds} rounds)"
    last = f"`sha512sum` alone, one file after the other: {median(sums):.2f} s"
    return "\n".join([title, "", *head, *rows, "", last])


def process_start(_peers: Peers, _directory: Path, rounds: int) -> str:
    """Start the interpreter and import more and more of what `mirror` needs."""
    steps = {
        "python": "pass",
        "and pydantic": "import pydantic.main",
        "and the site's and lock's models": "import airgap.site.load, airgap.lock",
        "and the transfer": "import airgap.transfer.mirror",
        "and the command": "import airgap.cli.mirror",
        "httpx instead of http.client": "import airgap.cli.mirror, httpx",
    }
    checkout = Path(__file__).resolve().parent.parent
    rows = []
    for name, code in steps.items():
        found = []
        for _ in range(rounds):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], cwd=checkout, check=True)
            found.append(time.perf_counter() - began)
        rows.append(f"| {name} | {median(found):.3f} s |")
    title = f"**start of the process** ({rounds} rounds)"
    return "\n".join([title, "", "| what is imported | median wall |", "|---|---|", *rows])


def manifest_heads(peers: Peers, directory: Path, rounds: int) -> str:
    """Ask a registry for 300 manifests by HEAD: httpx and http.client, by threads."""
    import httpx

    rows = []
    with serve_registry(peers, directory / "heads" / "source") as source:
        images = push_images(source.host, 300, layer_bytes=1024, own=1, shared=0)

        def by_httpx(todo: list[Image]) -> None:
            with httpx.Client() as client:
                while image := _next(todo):
                    url = f"http://{source.host}/v2/{image.repository}/manifests/v1"
                    client.head(url, headers=_ACCEPT).raise_for_status()

        def by_http_client(todo: list[Image]) -> None:
            connection = http.client.HTTPConnection(source.host)
            while image := _next(todo):
                target = f"/v2/{image.repository}/manifests/v1"
                connection.request("HEAD", target, headers=_ACCEPT)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    raise RuntimeError(f"{target}: {answer.status}")
            connection.close()

        for way in (by_httpx, by_http_client):
            for threads in (1, 2, 4, 8):
                found = [_threaded(way, list(images), threads) for _ in range(rounds)]
                wall, cpu = median(w for w, _ in found), median(c for _, c in found)
                rows.append(f"| {way.__name__[3:]} | {threads} | {wall:.2f} s | {cpu:.2f} s |")
    head = ["| client | threads | median wall | CPU of the client |", "|---|---|---|---|"]
    title = f"**300 manifests by HEAD** ({rounds} rounds)"
    return "\n".join([title, "", *head, *rows])


def run_shortcuts(peers: Peers, directory: Path, rounds: int) -> str:
    """Find 300 images present, by ways that leave out what our command begins with."""
    bench = Bench(peers, directory, rounds)
    with again(bench, "shortcuts") as (project, entrants):
        stack, lock = project / f"stacks/Pulumi.{SITE}.yaml", project / f"stacks/{SITE}.lock.json"
        command = f"exec {shlex.quote(sys.executable)} -m bench.shortcuts"
        ways = [
            Entrant(
                name=f"{way.__name__}: {(way.__doc__ or '').partition(chr(10))[0]}",
                command=f"{command} {name} {stack} {lock}",
                environment={"PYTHONPATH": str(CHECKOUT)},
            )
            for name, way in WAYS.items()
        ]
        contest = bench.run("300 images, nothing to do, other ways", [*entrants, *ways], 0.0)
    rows = []
    for name, held in contest.timings.items():
        wall, cpu = contest.median_seconds(name), median(t.cpu_seconds for t in held)
        rows.append(f"| {name} | {wall:.2f} s | {cpu:.2f} s |")
    head = ["| way | median wall | CPU |", "|---|---|---|"]
    return "\n".join([f"**{contest.title}** ({rounds} rounds)", "", *head, *rows])


APPROACHES: dict[str, Callable[[Peers, Path, int], str]] = {
    "paths": download_paths,
    "hashes": asset_hashes,
    "start": process_start,
    "heads": manifest_heads,
    "shortcuts": run_shortcuts,
}
_ACCEPT = {"Accept": "application/vnd.oci.image.manifest.v1+json"}


def _next(todo: list[Image]) -> Image | None:
    with suppress(IndexError):
        return todo.pop()
    return None


def _threaded(
    work: Callable[[list[Image]], None], todo: list[Image], count: int
) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    threads = [threading.Thread(target=work, args=(todo,)) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - wall, time.process_time() - cpu


def _pull(
    host: str, images: Sequence[Image], out: Path, path: Path_, threads: int
) -> tuple[float, float]:
    out.mkdir(exist_ok=True)
    todo = list(_layers(host, images).items())

    def work(_: list[Image]) -> None:
        connection = http.client.HTTPConnection(host, timeout=60)
        while todo:
            with suppress(IndexError):
                digest, (repository, size) = todo.pop()
                connection.request("GET", f"/v2/{repository}/blobs/{digest}")
                response = connection.getresponse()
                file = os.open(out / digest[7:], os.O_RDWR | os.O_CREAT | os.O_TRUNC)
                os.posix_fallocate(file, 0, size)
                found = path(response, connection.sock, file, size)
                os.close(file)
                if f"sha256:{found}" != digest:
                    raise RuntimeError(f"{path.__name__}: {found} is not {digest}")
        connection.close()

    found = _threaded(work, [], threads)
    for file in out.iterdir():
        file.unlink()
    return found


def _layers(host: str, images: Sequence[Image]) -> dict[str, tuple[str, int]]:
    found = {}
    connection = http.client.HTTPConnection(host)
    for image in images:
        connection.request("GET", f"/v2/{image.repository}/manifests/v1", headers=_ACCEPT)
        for layer in json.loads(connection.getresponse().read())["layers"]:
            found[layer["digest"]] = (image.repository, layer["size"])
    connection.close()
    return found


def _hash_files(host: str, out: Path, algorithms: Sequence[str]) -> tuple[float, float]:
    out.mkdir(exist_ok=True)
    todo = list(range(10))

    def work(_: list[Image]) -> None:
        buffer = memoryview(bytearray(MIB))
        while todo:
            with suppress(IndexError):
                name = todo.pop()
                digests = [hashlib.new(algorithm) for algorithm in algorithms]
                with urlopen(f"http://{host}/{name}") as answer, (out / str(name)).open("wb") as to:
                    while count := answer.readinto(buffer):
                        for digest in digests:
                            digest.update(buffer[:count])
                        to.write(buffer[:count])

    found = _threaded(work, [], 2)
    for file in out.iterdir():
        file.unlink()
    return found


class _Blocking:
    """A socket whose calls block in the kernel, with a timeout there."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def __enter__(self) -> None:
        self._sock.setblocking(True)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 60, 0))

    def __exit__(self, *exception: object) -> None:
        self._sock.settimeout(60)


def _drain(response: http.client.HTTPResponse, file: int) -> int:
    """Write what came with the header, and return how much that was."""
    data = response.fp.read(len(response.fp.peek()))
    os.pwrite(file, data, 0)
    return len(data)


def _finish(response: http.client.HTTPResponse) -> None:
    """Tell the response that its body was read by other means."""
    response.length = 0
    response.close()
