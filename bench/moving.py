"""Moving images and boot assets, against the peers: whole commands, the same bytes, in turns.

crane and skopeo copy an image a command, as their users' loops do; regsync takes all in one run.
Ours is `python -m airgap mirror` or `fetch` with a lock, as a site has it.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.content import HOST, SITE, Image, find_layers, push_images, write_project
from bench.contest import Contest, Entrant, Timing, time_command
from bench.servers import (
    Server,
    free_port,
    peak_bytes,
    serve_files,
    serve_registry,
    serving,
)
from tools.peers import Peers

__all__ = [
    "CHECKOUT",
    "CONTESTS",
    "OURS",
    "Bench",
    "Outcome",
    "again",
    "store_environment",
    "write_site",
]

MIB = 2**20
OURS = "sidero-airgap"
_SKOPEO_COPY = "--insecure-policy copy -q --preserve-digests"
CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A contest, and what else was found out in it."""

    contest: Contest
    notes: Sequence[str] = ()


class Bench:
    """A place to measure in, with the peers."""

    def __init__(self, peers: Peers, directory: Path, rounds: int) -> None:
        self.peers = peers
        self.directory = directory
        self.rounds = rounds

    def peer(self, name: str) -> str:
        """Return a peer's path, quoted for a shell."""
        return shlex.quote(str(self.peers.path(name)))

    def airgap(self, arguments: str, project: Path) -> str:
        """Return our command line."""
        python = shlex.quote(sys.executable)
        return f"cd {shlex.quote(str(project))}; exec {python} -m airgap {arguments}"

    def run(self, title: str, entrants: Sequence[Entrant], target: float) -> Contest:
        """Run a contest."""
        return Contest.run(title, entrants, rounds=self.rounds, target=target)


def store_environment(store: Path) -> dict[str, str]:
    """Return the environment of our command over a store."""
    return {"AIRGAP_STORE": str(store), "PYTHONPATH": str(CHECKOUT)}


def copy_between_registries(bench: Bench) -> Outcome:
    """Copy 10 images (792 MiB, half of the layers shared) from registry to registry, cold."""
    folder = bench.directory / "copy"
    with _registries(bench, folder) as (source, target):
        images = push_images(source.host, 10, layer_bytes=24 * MIB)
        write_site(folder / "project", images, source, target)
        entrants = _copiers(bench, folder, images, source, target)
        contest = bench.run("registry → registry, cold, 10 images, 792 MiB", entrants, 0.9)
    return Outcome(contest=contest)


def run_again(bench: Bench) -> Outcome:
    """Copy 300 images that are all there."""
    with again(bench, "again") as (_, entrants):
        contest = bench.run("registry → registry, 300 images, nothing to do", entrants, 1.0)
    return Outcome(contest=contest)


@contextmanager
def again(bench: Bench, name: str) -> Iterator[tuple[Path, list[Entrant]]]:
    """Copy 300 images, and yield the project, and us and regsync with nothing left to do."""
    folder = bench.directory / name
    with _registries(bench, folder) as (source, target):
        images = push_images(source.host, 300, layer_bytes=4096, own=1, shared=1)
        write_site(folder / "project", images, source, target)
        ours, _, regsync, *_ = _copiers(bench, folder, images, source, target)
        time_command(ours.command, ours.environment)
        yield (
            folder / "project",
            [
                Entrant(name=each.name, command=each.command, environment=each.environment)
                for each in (ours, regsync)
            ],
        )


def fill_layout(bench: Bench) -> Outcome:
    """Bring 10 images into an OCI image layout."""
    folder = bench.directory / "layout"
    with _registries(bench, folder) as (source, target):
        images = push_images(source.host, 10, layer_bytes=24 * MIB)
        write_site(folder / "project", images, source, target)
        layout, store = folder / "layout", folder / "store"
        names = [image.at(source.host) for image in images]
        crane = f"{bench.peer('crane')} pull --insecure --format=oci {' '.join(names)} {layout}"
        regctl = [f"{bench.peer('regctl')} -v error registry set --tls disabled {source.host}"]
        regctl += [
            f"{bench.peer('regctl')} -v error image copy {name} ocidir://{layout}:{number}"
            for number, name in enumerate(names)
        ]
        skopeo = [
            f"{bench.peer('skopeo')} {_SKOPEO_COPY} --src-tls-verify=false docker://{name} "
            f"oci:{layout}:{number}"
            for number, name in enumerate(names)
        ]
        home = {"HOME": str(folder)}
        reset = _removing(layout)
        entrants = [
            Entrant(
                name=OURS,
                command=bench.airgap(f"fetch {SITE}", folder / "project"),
                environment=store_environment(store),
                reset=_removing(store),
            ),
            Entrant(name="crane", command=crane, environment=home, reset=reset),
            Entrant(name="regctl", command="\n".join(regctl), environment=home, reset=reset),
            Entrant(name="skopeo", command="\n".join(skopeo), environment=home, reset=reset),
        ]
        contest = bench.run("registry → OCI layout, 10 images, 792 MiB", entrants, 0.7)
        unique = 33 * 24 * MIB
        notes = [
            f"store: {_disk_usage(store) / unique:.4f} of the unique layer bytes (at most 1.02)"
        ]
    return Outcome(contest=contest, notes=notes)


def fetch_boot_assets(bench: Bench) -> Outcome:
    """Download and verify 1 GiB of boot assets in ten files."""
    folder = bench.directory / "assets"
    with serve_files(bench.peers, folder / "web") as web, _registries(bench, folder) as (one, two):
        assets = _boot_assets(web.directory, count=10, size=1024 * MIB // 10)
        write_site(folder / "project", [], one, two, assets=assets, releases=web.host)
        store, plain = folder / "store", folder / "plain"
        sums = folder / "sums"
        time_command(f"cd {web.directory}; sha512sum $(find . -type f) > {sums}", {})
        fetch = " ".join(f"-o {plain}/{name} http://{web.host}/{name}" for name in assets)
        entrants = [
            Entrant(
                name=OURS,
                command=bench.airgap(f"fetch {SITE}", folder / "project"),
                environment=store_environment(store),
                reset=_removing(store),
            ),
            Entrant(
                name="curl, then sha512sum",
                command=f"curl -sf --create-dirs {fetch}; cd {plain}; sha512sum --quiet -c {sums}",
                reset=_removing(plain),
            ),
        ]
        contest = bench.run("download and verify (sha512) boot assets, 1 GiB", entrants, 0.5)
    return Outcome(contest=contest)


def serve_pulls(bench: Bench) -> Outcome:
    """Serve 8 parallel pulls, ours over a store against distribution over the same images."""
    folder = bench.directory / "serve"
    with ExitStack() as stack:
        source, target = stack.enter_context(_registries(bench, folder))
        images = push_images(source.host, 8, layer_bytes=24 * MIB, own=4, shared=0)
        write_site(folder / "project", images, source, target)
        environment = store_environment(folder / "store")
        time_command(bench.airgap(f"fetch {SITE}", folder / "project"), environment)
        port = free_port()
        command = [sys.executable, "-m", "airgap", "serve", "--port", str(port)]
        command += ["--store", str(folder / "store")]
        ours = stack.enter_context(serving(command, folder / "serve.log", port, environment))
        layers = find_layers(source.host, images)
        entrants = [
            Entrant(name=OURS, command=_pulls(f"127.0.0.1:{port}", layers, f"{HOST}/")),
            Entrant(name="distribution v3", command=_pulls(source.host, layers, "")),
        ]
        contest = bench.run("serve 8 parallel pulls, 768 MiB", entrants, 1.25)
        peak = peak_bytes(ours) / MIB
    notes = [
        f"throughput: {1 / contest.ratio:.2f} of distribution's",
        f"peak memory of our server {peak:.0f} MiB; CPU and memory above are the clients' (curl)",
    ]
    return Outcome(contest=contest, notes=notes)


def bound_memory(bench: Bench) -> Outcome:
    """Move one blob of 64 MiB and one of 2 GiB each way: the peak does not depend on the size."""
    folder = bench.directory / "memory"
    timings: dict[str, Sequence[Timing]] = {}
    for size in (2048, 64):
        home = folder / str(size)
        with (
            serve_files(bench.peers, home / "web") as web,
            _registries(bench, home) as (one, two),
        ):
            assets = _boot_assets(web.directory, count=1, size=size * MIB)
            image = push_images(one.host, 1, layer_bytes=size * MIB, own=1, shared=0)
            write_site(home / "asset", [], one, two, assets=assets, releases=web.host)
            write_site(home / "image", image, one, two)
            wipe = _removing(two.directory / "docker")
            for way, project, command in (
                ("boot asset to store", "asset", f"fetch {SITE}"),
                ("registry to store", "image", f"fetch {SITE}"),
                ("store to registry", "image", f"mirror {SITE}"),
                ("registry to registry", "image", f"mirror {SITE} --from upstream"),
            ):
                place = home / f"{project}-store"
                wipe()
                if "to registry" in way:
                    shutil.rmtree(f"{place}-ledger", ignore_errors=True)
                if way == "registry to registry":
                    shutil.rmtree(place)
                line = bench.airgap(command, home / project)
                timings[f"{way}, {size} MiB"] = [time_command(line, store_environment(place))]
        shutil.rmtree(home)
    contest = Contest(title="peak memory by the size of a blob", target=0.0, timings=timings)
    peak = max(timing.peak_bytes for held in timings.values() for timing in held) / MIB
    return Outcome(contest=contest, notes=[f"peak memory {peak:.0f} MiB (at most 200)"])


CONTESTS: dict[str, Callable[[Bench], Outcome]] = {
    "copy": copy_between_registries,
    "layout": fill_layout,
    "again": run_again,
    "assets": fetch_boot_assets,
    "serve": serve_pulls,
    "memory": bound_memory,
}


@contextmanager
def _registries(bench: Bench, folder: Path) -> Iterator[tuple[Server, Server]]:
    with (
        serve_registry(bench.peers, folder / "source") as source,
        serve_registry(bench.peers, folder / "target") as target,
    ):
        yield source, target


def write_site(
    project: Path,
    images: Sequence[Image],
    source: Server,
    target: Server,
    *,
    assets: dict[str, Path] | None = None,
    releases: str = "127.0.0.1:9",
) -> None:
    """Write a project whose site has these images, and whose lock pins them."""
    write_project(
        project,
        images,
        assets or {},
        source=source.host,
        destination=target.host,
        releases=releases,
    )


def _copiers(
    bench: Bench, folder: Path, images: Sequence[Image], source: Server, target: Server
) -> list[Entrant]:
    """Return all who copy from registry to registry."""
    pairs = [(image.at(source.host), image.at(target.host)) for image in images]
    crane = [f"{bench.peer('crane')} copy --insecure {one} {two}" for one, two in pairs]
    skopeo = [
        f"{bench.peer('skopeo')} {_SKOPEO_COPY} --all --src-tls-verify=false "
        f"--dest-tls-verify=false docker://{one} docker://{two}"
        for one, two in pairs
    ]
    settings = folder / "regsync.json"
    settings.write_text(
        json.dumps(
            {
                "version": 1,
                "creds": [
                    {"registry": server.host, "tls": "disabled"} for server in (source, target)
                ],
                "defaults": {"parallel": 4},
                "sync": [{"source": one, "target": two, "type": "image"} for one, two in pairs],
            }
        )
    )
    store = folder / "store"
    wipe = _removing(target.directory / "docker")

    def reset() -> None:
        wipe()
        shutil.rmtree(store, ignore_errors=True)
        shutil.rmtree(f"{store}-ledger", ignore_errors=True)

    home = {"HOME": str(folder)}
    regsync = f"{bench.peer('regsync')} -v error once -c {settings}"
    return [
        Entrant(
            name=OURS,
            command=bench.airgap(f"mirror {SITE} --from upstream", folder / "project"),
            environment=store_environment(store),
            reset=reset,
        ),
        Entrant(name="crane", command="\n".join(crane), environment=home, reset=reset),
        Entrant(name="regsync", command=regsync, environment=home, reset=reset),
        Entrant(name="skopeo", command="\n".join(skopeo), environment=home, reset=reset),
    ]


def _pulls(host: str, layers: Mapping[str, Sequence[str]], prefix: str) -> str:
    """Return a command that pulls the layers of all images at the same time and drops them.

    A curl an image: a client that hashed them would take the cores from the servers.
    """
    pulls = []
    for repository, digests in layers.items():
        urls = [f"http://{host}/v2/{prefix}{repository}/blobs/{digest}" for digest in digests]
        words = " ".join(f"-o /dev/null {url}" for url in urls)
        pulls.append(f'curl -sf {words} & pids="$pids $!"')
    return "pids=\n" + "\n".join(pulls) + "\nfor pid in $pids; do wait $pid; done"


def _boot_assets(root: Path, *, count: int, size: int) -> dict[str, Path]:
    folder = root / "v1.11.5"
    folder.mkdir(parents=True)
    assets = {}
    for number in range(count):
        path = folder / f"asset-{number}"
        with path.open("wb") as file:
            for _ in range(size // MIB):
                file.write(os.urandom(MIB))
        assets[f"v1.11.5/asset-{number}"] = path
    return assets


def _removing(path: Path) -> Callable[[], None]:
    return lambda: shutil.rmtree(path, ignore_errors=True)


def _disk_usage(path: Path) -> int:
    files = [item.lstat() for item in path.rglob("*")]
    return sum(state.st_blocks * 512 for state in files)
