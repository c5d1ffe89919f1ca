"""A plain `pulumi preview` of a 100-image site against programs of trivial dynamic resources.

The target: at most 1.5 times a program with as many trivial dynamic resources. Measured against
100 of them (one an image) and, stricter, against as many as the site's stack has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import yaml

from airgap.lock import SITE_IMAGES, AssetPin, ImagePin, Lock, fingerprint, write_lock
from airgap.oci import INDEX_TYPES
from airgap.plan import plan_site
from airgap.site.load import load_site
from airgap.talos import asset_names, asset_url, images
from tests.engine.workspace import CHECKOUT, Workspace

__all__ = ["Measurement", "measure_previews", "report"]

SITE = "airgap-basic"
TALOS, KUBERNETES = "v1.11.5", "v1.34.1"
IMAGES = 100

_TRIVIAL = '''
"""As many trivial dynamic resources as asked for, by reference as this project's own."""
import trivial

for number in range({count}):
    trivial.Trivial(f"item-{{number}}", {{"value": str(number)}})
'''
_PROVIDER = '''
"""A dynamic resource that does nothing."""
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider


class TrivialProvider(ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props):
        return CreateResult("id", {**props})

    def diff(self, _id, olds, news):
        return DiffResult(changes=olds["value"] != news["value"])


class Trivial(Resource, module="bench", name="Trivial"):
    def __init__(self, name, props):
        super().__init__(TrivialProvider(), name, props)
'''

Measurement = Mapping[str, Sequence[float]]


def measure_previews(directory: Path, engine: Path, *, rounds: int) -> Measurement:
    """Return the seconds of each round by program; the programs take turns.

    Args:
        directory: Empty; gets one workspace a program.
        engine: The directory with the Pulumi CLI.
        rounds: How often each previews, after one preview that does not count.
    """
    site, resources = _make_site(directory / "site", engine)
    programs = {"site": site}
    for count in (IMAGES, resources):
        files = {"__main__.py": _TRIVIAL.format(count=count), "trivial.py": _PROVIDER}
        name = f"{count} trivial resources"
        programs[name] = Workspace.create(directory / f"trivial-{count}", engine, files=files)
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for number in range(rounds + 1):
        for name, workspace in programs.items():
            taken = workspace.preview().seconds
            if number:
                seconds[name].append(taken)
    return seconds


def report(seconds: Measurement) -> str:
    """Return a line a program: median seconds, and the site's median as a ratio to it."""
    site = median(seconds["site"])
    lines = [
        f"{name:28} {median(taken):6.2f} s  (min {min(taken):.2f}, max {max(taken):.2f})"
        f"   site is {site / median(taken):.2f} of it"
        for name, taken in seconds.items()
    ]
    return "\n".join(lines)


def _make_site(directory: Path, engine: Path) -> tuple[Workspace, int]:
    """Return a workspace with a site of 100 images, and how many resources its stack has."""
    stack_file = CHECKOUT / "stacks" / f"Pulumi.{SITE}.yaml"
    document = yaml.safe_load(stack_file.read_text(encoding="utf-8"))
    value = document["config"]["sidero-airgap:site"]
    base = images(TALOS, KUBERNETES)
    value["images"] = [f"docker.io/bench/app-{n}:v1" for n in range(IMAGES - len(base))]
    workspace = Workspace.create(directory, engine, stack=SITE)
    (directory / "stacks" / "certs").symlink_to(CHECKOUT / "stacks" / "certs")
    workspace.set_config({"site": value})
    site = load_site(workspace.stack_file)
    pins = {reference: _image(reference, "talos", "a node") for reference in base}
    pins |= {reference: _image(reference, "workloads", SITE_IMAGES) for reference in site.images}
    names = [f"{TALOS}/{name}" for name in asset_names("amd64")]
    lock = Lock(
        inputs=fingerprint(site), images=pins, assets={name: _asset(name) for name in names}
    )
    write_lock(directory / "stacks" / f"{SITE}.lock.json", lock)
    return workspace, len(list(plan_site(site, lock, name=SITE).views()))


def _image(reference: str, need: str, reason: str) -> ImagePin:
    return ImagePin.model_validate(
        {
            "digest": "sha256:" + hashlib.sha256(reference.encode()).hexdigest(),
            "mediaType": INDEX_TYPES[0],
            "size": 1 << 20,
            "need": need,
            "neededBy": [reason],
        }
    )


def _asset(name: str) -> AssetPin:
    talos, _, file = name.partition("/")
    return AssetPin(
        sha256="sha256:" + hashlib.sha256(name.encode()).hexdigest(),
        sha512="sha512:" + hashlib.sha512(name.encode()).hexdigest(),
        size=1 << 20,
        url=asset_url(talos, file),
        needed_by=("an Environment",),
    )
