"""`python -m airgap schematic …`, without a network: IDs, texts, contents, migration."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from pathlib import Path
from typing import TypedDict

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from airgap.lock import (
    AssetPin,
    FactoryOrigin,
    ImagePin,
    Lock,
    SchematicPin,
    fingerprint,
    write_lock,
)
from airgap.schematic import canonical_yaml, schematic_id
from airgap.site.load import load_site
from airgap.site.schematics import class_schematic
from tests.cli.conftest import SITE, Command, write_site

EMPTY = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"
FACTORY = {
    "kind": "existing",
    "version": "v1.4.0",
    "endpoint": "https://factory.berlin.example",
    "registry": "registry.berlin.example:5000",
}


class Vector(TypedDict, total=False):
    """A vector of tests/schematic."""

    kind: str
    yaml: str
    id: str


def _vectors() -> list[Vector]:
    path = Path(__file__).parents[1] / "schematic/vectors.json"
    vectors: list[Vector] = json.loads(path.read_text("utf-8"))
    return vectors


def test_every_published_vector_has_its_id_one_line_a_file(airgap: Command, project: Path) -> None:
    vectors = [vector for vector in _vectors() if vector["kind"] in ("published", "probe")]
    for number, vector in enumerate(vectors):
        (project / f"{number}.yaml").write_text(vector["yaml"], encoding="utf-8", newline="")
    done = airgap("schematic", "id", *(f"{number}.yaml" for number in range(len(vectors))))
    assert done.exit_code == 0
    expected = [f"{vector['id']}  {number}.yaml" for number, vector in enumerate(vectors)]
    assert done.stdout.splitlines() == expected


def test_rejected_files_are_told_with_the_reason_and_the_others_printed(
    airgap: Command, project: Path
) -> None:
    (project / "good.yaml").write_text("{}")
    (project / "auto.yaml").write_text("customization: {bootloader: auto}\n")
    (project / "bytes.yaml").write_bytes(b"\xff")
    done = airgap("schematic", "id", "auto.yaml", "bytes.yaml", "no.yaml", "good.yaml")
    assert done.exit_code == 2
    assert done.stdout == f"{EMPTY}  good.yaml\n"
    told = done.stderr.splitlines()
    assert [line.split(": ")[:2] for line in told] == [
        ["refused", "auto.yaml"],
        ["refused", "bytes.yaml"],
        ["refused", "no.yaml"],
    ]
    assert "'auto' is none of none, dual-boot, sd-boot, grub" in told[0]


def test_every_rejected_vector_is_refused(airgap: Command, project: Path) -> None:
    rejected = [vector for vector in _vectors() if vector["kind"] == "rejected"]
    for number, vector in enumerate(rejected):
        (project / f"{number}.yaml").write_text(vector["yaml"], encoding="utf-8", newline="")
    names = [f"{number}.yaml" for number in range(len(rejected))]
    done = airgap("schematic", "id", *names)
    assert (done.exit_code, done.stdout) == (2, "")
    assert {line.split(": ")[1] for line in done.stderr.splitlines()} == set(names)


def test_standard_input_is_read_and_the_text_shown_is_what_the_id_is_of(
    airgap: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '{"customization": {"extraKernelArgs": ["vga=791", "é: 1"]}}'

    def given() -> io.TextIOWrapper:
        return io.TextIOWrapper(io.BytesIO(text.encode()))

    monkeypatch.setattr(sys, "stdin", given())
    shown = airgap("schematic", "show", "-")
    monkeypatch.setattr(sys, "stdin", given())
    named = airgap("schematic", "id", "-")
    assert named.stdout == f"{hashlib.sha256(shown.stdout.encode()).hexdigest()}  -\n"
    assert shown.stderr == ""


def test_a_note_says_where_generations_disagree(airgap: Command, project: Path) -> None:
    (project / "off.yaml").write_text("customization: {secureboot: {enrollKeys: off}}")
    newest = airgap("schematic", "id", "off.yaml")
    older = airgap("schematic", "id", "off.yaml", "--factory", "v1.4.0")
    assert newest.stdout.startswith("d8f665")  # as the engine-dependent vectors have it
    assert older.stdout.startswith("27e859")
    for done in (newest, older):
        assert "the ID depends on the Image Factory's release" in done.stderr
        assert "v1.1 to v1.4: 27e859" in done.stderr
        assert "from v1.5: d8f665" in done.stderr
        assert "up to v0.8, v0.9 and v1.0: refused: " in done.stderr


def test_the_factory_meant_refuses_what_is_newer_than_itself(
    airgap: Command, project: Path
) -> None:
    (project / "grub.yaml").write_text("customization: {bootloader: grub}")
    (project / "owned.yaml").write_text("owner: alice")
    assert airgap("schematic", "id", "grub.yaml", "owned.yaml").exit_code == 0
    old = airgap("schematic", "id", "grub.yaml", "--factory", "v0.8.4")
    assert (old.exit_code, "Image Factory v0.9.0 brought it" in old.stderr) == (2, True)
    new = airgap("schematic", "show", "owned.yaml", "--factory", "v1.5.0")
    assert (new.exit_code, "owners are Enterprise's" in new.stderr) == (2, True)
    assert airgap("schematic", "id", "grub.yaml", "--factory", "newest").exit_code == 2


def test_a_release_of_talos_refuses_what_would_fail_when_it_is_built(
    airgap: Command, project: Path
) -> None:
    (project / "sbc.yaml").write_text("overlay: {name: rpi_generic, image: x}")
    assert airgap("schematic", "id", "sbc.yaml", "--talos", "v1.7.0").exit_code == 0
    early = airgap("schematic", "id", "sbc.yaml", "--talos", "v1.6.7")
    assert (early.exit_code, "Talos v1.6.7 does not support it" in early.stderr) == (2, True)


def _site(project: Path, value: dict[str, object], *classes: dict[str, object]) -> None:
    named = [{"environment": "talos-1-11-5", **item} for item in classes]
    write_site(project, {**value, "imageFactory": FACTORY, "serverClasses": named})


GPU: dict[str, object] = {"name": "gpu", "extensions": ["siderolabs/nvidia-container-toolkit-lts"]}
ODD: dict[str, object] = {
    "name": "odd",
    "overlay": {"name": "rpi_generic", "image": "x", "options": {"wifi": "off"}},
}


def test_a_migration_lists_ids_that_change_and_changes_nothing(
    airgap: Command, project: Path, site_value: dict[str, object]
) -> None:
    _site(project, site_value, GPU, ODD)
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    done = airgap("schematic", "migrate", SITE, "--to", "v1.5.0")
    assert done.exit_code == 0
    told = done.stdout.splitlines()
    assert told[0] == "odd:"
    assert told[1].strip() != told[2].removeprefix("  → ")
    assert told[3] == "  because of overlay.options.wifi: \"off\" is written 'off'"
    assert told[-1] == f"{SITE}: v1.4.0 → v1.5.0: 1 of 2 IDs change"
    assert before == {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}


def test_a_migration_without_changes_says_so_and_one_with_refusals_fails(
    airgap: Command, project: Path, site_value: dict[str, object]
) -> None:
    grub: dict[str, object] = {
        "name": "db",
        "bootloader": "grub",
        "bootAssets": ["metal-amd64.raw.zst"],
    }
    _site(project, site_value, GPU, grub)
    newer = airgap("schematic", "migrate", SITE, "--to", "v1.5.0")
    assert (newer.exit_code, newer.stdout) == (0, f"{SITE}: v1.4.0 → v1.5.0: no ID changes\n")
    older = airgap("schematic", "migrate", SITE, "--to", "v0.8.4")
    assert older.exit_code == 1
    assert "refused by v0.8.4: customization.bootloader" in older.stdout


PREFIXED: dict[str, object] = {
    "kind": "existing",
    "endpoints": [{"url": "https://harbor.berlin.example"}],
    "pathPrefix": "talos",
}
KEY = ec.generate_private_key(ec.SECP256R1()).public_key()
SIGNER = KEY.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    ("site", "factory", "target", "words"),
    [
        ({"registry": PREFIXED}, {}, "v1.3.3", "registry.pathPrefix: Image Factory v1.3.3 does"),
        ({}, {"verification": {"publicKey": SIGNER}}, "v1.0.2", "imageFactory.verification"),
        ({}, {}, "v0.8.4", "imageFactory.version: v0.8.4 asks Sigstore's TUF repository"),
    ],
)
def test_a_migration_says_when_the_site_itself_is_refused_there(
    airgap: Command,
    project: Path,
    site_value: dict[str, object],
    site: dict[str, object],
    factory: dict[str, object],
    target: str,
    words: str,
) -> None:
    deployed = {"kind": "deployed", "version": "v1.5.0", "endpoint": "https://f.berlin.example"}
    write_site(project, {**site_value, **site, "imageFactory": {**deployed, **factory}})
    assert airgap("schematic", "migrate", SITE, "--to", "v1.4.0").exit_code == 0
    done = airgap("schematic", "migrate", SITE, "--to", target)
    assert (done.exit_code, f"refused by {target}: site.{words}" in done.stdout) == (1, True)
    assert done.stdout.endswith("no ID changes, the site is refused\n")


def test_a_migration_says_what_would_be_registered_and_fail_when_it_is_built(
    airgap: Command, project: Path, site_value: dict[str, object]
) -> None:
    """yaml/v4 rc.3 (v0.9 and v1.0) does not read back what it writes of such a text."""
    meta = [{"key": 10, "value": "\na\nb"}]
    odd: dict[str, object] = {"name": "odd", "meta": meta, "bootAssets": ["metal-amd64.iso"]}
    _site(project, site_value, odd)
    done = airgap("schematic", "migrate", SITE, "--to", "v1.0.3")
    assert done.exit_code == 1
    assert "site.serverClasses[0].meta" in done.stdout


def test_without_a_factory_inside_the_one_that_lock_asks_is_meant(
    airgap: Command, project: Path, site_value: dict[str, object]
) -> None:
    grub: dict[str, object] = {"name": "db", "bootloader": "grub", "environment": "talos-1-11-5"}
    grub["bootAssets"] = ["metal-amd64.raw.zst"]
    none = {"kind": "none", "installer": "mirrored"}
    write_site(project, {**site_value, "imageFactory": none, "serverClasses": [grub]})
    done = airgap("schematic", "migrate", SITE, "--to", "v0.8.4")
    assert (done.exit_code, done.stdout.count("refused by v0.8.4")) == (1, 1)


@pytest.fixture
def explained(project: Path, site_value: dict[str, object]) -> str:
    """The ID of a class in a site with a lock that knows it."""
    _site(project, site_value, GPU)
    site = load_site(project / f"stacks/Pulumi.{SITE}.yaml")
    schematic = class_schematic(site.server_classes[0])
    identity = schematic_id(schematic)
    iso = AssetPin(
        sha256=f"sha256:{'1' * 64}",
        sha512=f"sha512:{'2' * 128}",
        size=1024,
        url=f"https://factory.talos.dev/image/{identity}/v1.11.5/metal-amd64.iso",
        needed_by=("server class gpu",),
        made_by=FactoryOrigin(schematic=identity),
    )
    installer = ImagePin(
        digest=f"sha256:{'3' * 64}",
        media_type="application/vnd.oci.image.index.v1+json",
        size=1,
        need="talos",
        needed_by=("server class gpu",),
    )
    lock = Lock(
        inputs=fingerprint(site),
        assets={f"v1.11.5/{identity}/metal-amd64.iso": iso},
        images={f"factory.talos.dev/metal-installer/{identity}:v1.11.5": installer},
        schematics={identity: SchematicPin(canonical=canonical_yaml(schematic), classes=("gpu",))},
    )
    write_lock(project / f"stacks/{SITE}.lock.json", lock)
    return identity


def test_an_id_is_explained_field_by_field_with_what_is_made_of_it(
    airgap: Command, explained: str
) -> None:
    done = airgap("schematic", "explain", explained[:12])
    assert done.exit_code == 0
    for part in (
        f"schematic {explained}\n",
        "customization.systemExtensions.officialExtensions (Image Factory v0.1.0): ",
        "- siderolabs/nvidia-container-toolkit-lts\n",
        f"site {SITE}\n",
        "server class gpu (Talos v1.11.5)\n",
        f"installer factory.berlin.example/metal-installer/{explained}:v1.11.5 (made when",
        f"boot asset v1.11.5/{explained}/metal-amd64.iso",
        f"installer factory.talos.dev/metal-installer/{explained}:v1.11.5@sha256:333",
    ):
        assert part in done.stdout


def test_an_unknown_id_is_told_with_those_that_are_known(airgap: Command, explained: str) -> None:
    done = airgap("schematic", "explain", "0" * 64, SITE)
    assert done.exit_code == 1
    assert f"no such schematic in the locks of {SITE}" in done.stderr
    assert f"{explained} ({SITE}: gpu)" in done.stderr
    assert airgap("schematic", "explain", explained[:3]).exit_code == 1
