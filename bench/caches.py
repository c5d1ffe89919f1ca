"""An image cache from the store, against talosctl's from a registry: the same images, in turns.

talosctl reads from a registry on loopback, which is where its users have the images; ours from the
store, where `fetch` has put them. Both write an OCI layout as imager reads it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from bench.content import HOST, SITE, push_images
from bench.contest import Entrant, time_command
from bench.moving import OURS, Bench, Outcome, store_environment, write_site
from bench.servers import serve_registry

__all__ = ["make_caches"]

_MIB = 2**20


def make_caches(bench: Bench) -> Outcome:
    """Make a cache of 10 images (792 MiB, half of the layers shared)."""
    folder = bench.directory / "cache"
    with (
        serve_registry(bench.peers, folder / "source") as source,
        serve_registry(bench.peers, folder / "target") as target,
    ):
        images = push_images(source.host, 10, layer_bytes=24 * _MIB)
        write_site(folder / "project", images, source, target)
        environment = store_environment(folder / "store")
        time_command(bench.airgap(f"fetch {SITE}", folder / "project"), environment)
        layout = folder / "image-cache.oci"
        held = ",".join(image.at(HOST) for image in images)
        served = ",".join(image.at(source.host) for image in images)
        entrants = [
            Entrant(
                name=OURS,
                command=bench.airgap(
                    f"image-cache create --images {held} --output {layout}", folder / "project"
                ),
                environment=environment,
                reset=_removing(layout),
            ),
            Entrant(
                name="talosctl 1.11.5",
                command=f"{bench.peer('talosctl')} images cache-create --insecure "
                f"--image-cache-path {layout} --images {served}",
                environment={"HOME": str(folder), "TMPDIR": str(folder)},
                reset=_removing(layout),
            ),
        ]
        contest = bench.run("image cache (OCI layout) of 10 images, 792 MiB", entrants, 0.5)
    return Outcome(contest=contest, notes=[f"{1 / contest.ratio:.1f} times as fast"])


def _removing(layout: Path) -> Callable[[], None]:
    def reset() -> None:
        shutil.rmtree(layout, ignore_errors=True)
        layout.with_name(f"{layout.name}.json").unlink(missing_ok=True)

    return reset
