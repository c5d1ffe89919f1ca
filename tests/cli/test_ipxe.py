"""`ipxe`: an environment as a script, from site and lock alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.lock import SchematicPin, fingerprint, write_lock
from airgap.lock.model import Lock
from airgap.site.load import load_site
from tests.cli.conftest import SITE, Command, write_site
from tests.plan.samples import (
    IMAGES,
    SCHEMATIC,
    SCHEMATIC_ID,
    image_pin,
    made_assets,
    make_lock,
    sha512,
)

MIRROR = "https://artifacts.berlin.example/talos"
MADE = ("kernel-amd64", "initramfs-amd64.xz", "cmdline-metal-amd64")
CMDLINE = "talos.platform=metal console=tty0 init_on_alloc=1"


@pytest.fixture
def planned(project: Path, site_value: dict[str, object]) -> Path:
    """A site with two environments, one of what a factory made, and its lock."""
    value = {
        **site_value,
        "images": ["docker.io/library/nginx:1.27.3"],
        "environments": [
            {"name": "made", "talos": "v1.11.5", "schematicOf": "workers"},
            {"name": "plain", "talos": "v1.11.5", "extraKernelArgs": ["ip=dhcp"]},
        ],
        "serverClasses": [{"name": "workers", "environment": "made"}],
    }
    write_site(project, value)
    site = load_site(project / "stacks" / f"Pulumi.{SITE}.yaml")
    plain = make_lock(
        schematics={SCHEMATIC_ID: SchematicPin(canonical=SCHEMATIC, classes=("workers",))}
    )
    nginx = "docker.io/library/nginx:1.27.3"
    images = {**plain.images, nginx: image_pin(nginx, IMAGES[nginx], "site images")}
    lock = Lock(
        inputs=fingerprint(site),
        images=images,
        assets={**plain.assets, **made_assets("v1.11.5", SCHEMATIC_ID, *MADE, text=CMDLINE)},
        schematics=plain.schematics,
    )
    write_lock(project / "stacks" / f"{SITE}.lock.json", lock)
    return project


def at(key: str) -> str:
    """Return the content-addressed path of an asset (DESIGN decision 8)."""
    directory, _, file = key.rpartition("/")
    return f"{directory}/{sha512(key).removeprefix('sha512:')[:16]}/{file}"


@pytest.mark.usefixtures("planned")
def test_an_environment_of_a_schematic_boots_what_the_factory_made(airgap: Command) -> None:
    outcome = airgap("ipxe", SITE, "--server-class", "workers")
    assert outcome.exit_code == 0, outcome.stderr
    kernel, initramfs = (f"v1.11.5/{SCHEMATIC_ID}/{name}" for name in MADE[:2])
    words = f"initrd=initramfs-amd64.xz console=ttyS0 earlyprintk=ttyS0 {CMDLINE}"
    commands = [line for line in outcome.stdout.splitlines() if not line.startswith("#")]
    assert commands == [
        "imgfree",
        f"kernel {MIRROR}/{at(kernel)} {words}",
        f"initrd {MIRROR}/{at(initramfs)}",
        "boot",
    ]
    assert outcome.stdout.startswith("#!ipxe\n")
    assert "machines wait for `talosctl apply-config" in outcome.stderr


@pytest.mark.usefixtures("planned")
def test_another_mirror_and_a_configuration(airgap: Command) -> None:
    config = "http://10.0.0.5/machine?uuid=${uuid}"
    arguments = ("--environment", "plain", "--config-url", config, "--mirror", "http://10.0.0.5/t/")
    outcome = airgap("ipxe", SITE, *arguments)
    assert outcome.exit_code == 0, outcome.stderr
    assert f"kernel http://10.0.0.5/t/{at('v1.11.5/vmlinuz-amd64')} " in outcome.stdout
    assert f" ip=dhcp talos.config={config}\n" in outcome.stdout
    assert "https:" not in outcome.stdout
    assert outcome.stderr == ""


@pytest.mark.usefixtures("planned")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 1, "environments: made, plain"),
        (("--environment", "none-such"), 1, "no environment 'none-such'"),
        (("--server-class", "none-such"), 1, "no server class 'none-such'"),
        (("--environment", "made", "--server-class", "workers"), 2, "exclude each other"),
    ],
)
def test_what_is_not_clear_is_asked_for(
    airgap: Command, arguments: tuple[str, ...], code: int, said: str
) -> None:
    outcome = airgap("ipxe", SITE, *arguments)
    assert outcome.exit_code == code
    assert said in outcome.stderr
    assert outcome.stdout == ""


def test_a_lock_of_another_site_is_refused(
    airgap: Command, planned: Path, site_value: dict[str, object]
) -> None:
    assert planned.is_dir()
    write_site(planned, site_value)
    outcome = airgap("ipxe", SITE)
    assert outcome.exit_code == 1
    assert "python -m airgap lock berlin" in outcome.stderr
