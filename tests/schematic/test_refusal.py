"""What a factory refuses and what it leaves out, against what its sources at the tags say.

siderolabs/image-factory v0.8.4 to v1.5.0: `pkg/schematic/schematic.go`, `internal/profile`; and
siderolabs/talos `pkg/imager`, `pkg/machinery/imager/quirks`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import JsonValue

from airgap.errors import Fault, SiteError
from airgap.schematic import (
    FIELDS,
    Output,
    carries,
    changed_ids,
    check_build,
    check_schematic,
    enrols,
    ids_by_generation,
    parse_schematic,
    plain_schematic,
    read_output,
    used_fields,
)

WHOLE = """
owner: alice
overlay: {image: siderolabs/sbc-raspberrypi, name: rpi_generic, options: {a: 1}}
customization:
  embeddedMachineConfiguration: x
  extraKernelArgs: [console=ttyS0]
  meta: [{key: 10, value: x}]
  systemExtensions: {officialExtensions: [siderolabs/gvisor]}
  bootloader: grub
  secureboot: {enrollKeys: force, includeWellKnownCertificates: true}
  diskImage: {sectorSize: 4096}
"""
# The first tag whose pkg/schematic has the field.
BROUGHT = {
    "owner": "v1.2.0",
    "overlay": "v0.3.0",
    "customization.embeddedMachineConfiguration": "v1.3.3",
    "customization.extraKernelArgs": "v0.1.0",
    "customization.meta": "v0.1.0",
    "customization.systemExtensions": "v0.1.0",
    "customization.bootloader": "v0.9.0",
    "customization.secureboot.enrollKeys": "v1.4.0",
    "customization.secureboot.includeWellKnownCertificates": "v0.5.0",
    "customization.diskImage": "v1.3.3",
}


def _paths(faults: tuple[Fault, ...]) -> list[str]:
    return [fault.path for fault in faults]


def _leaves(value: JsonValue, path: str = "") -> set[str]:
    if not isinstance(value, dict) or path == "overlay.options":
        return {path}
    return {
        leaf for key, item in value.items() for leaf in _leaves(item, f"{path}.{key}".lstrip("."))
    }


def test_every_field_of_the_model_is_in_the_table_with_the_release_that_brought_it() -> None:
    used = used_fields(parse_schematic(WHOLE))
    assert [field for field, _ in used] == list(FIELDS)
    assert {field.path for field in FIELDS} == _leaves(plain_schematic(parse_schematic(WHOLE)))
    for field in FIELDS:
        (since,) = [tag for path, tag in BROUGHT.items() if field.path.startswith(path)]
        assert field.since == since, field.path


@pytest.mark.parametrize(
    ("factory", "newer"),
    [
        ("v0.8.4", {"owner", "embedded", "bootloader", "enrollKeys", "sectorSize"}),
        ("v1.1.0", {"owner", "embedded", "enrollKeys", "sectorSize"}),
        ("v1.3.3", {"enrollKeys"}),
        ("v1.4.0", {"owner"}),  # a community build: known, and refused
        ("v1.5.0", {"owner"}),
    ],
)
def test_a_factory_refuses_what_it_does_not_know(factory: str, newer: set[str]) -> None:
    faults = check_schematic(parse_schematic(WHOLE), factory=factory)
    assert len(faults) == len(newer)
    assert all(any(word in fault.path for fault in faults) for word in newer)
    assert all(factory in fault.message for fault in faults)


def test_a_text_with_a_newer_key_is_refused_even_where_the_key_is_empty() -> None:
    text = "customization: {bootloader: none, secureboot: {enrollKeys: ''}}"
    assert parse_schematic(text, factory="v0.8.4") == parse_schematic("{}")
    with pytest.raises(SiteError, match="unknown key") as caught:
        parse_schematic(text, factory="v0.8.4", of_its_time=True)
    assert _paths(caught.value.faults) == [
        "customization.bootloader",
        "customization.secureboot.enrollKeys",
    ]
    assert parse_schematic(text, factory="v1.4.0", of_its_time=True) == parse_schematic("{}")


@pytest.mark.parametrize(
    ("text", "talos", "path"),
    [
        ("overlay: {name: rpi_generic, image: x}", "v1.6.7", "overlay.image"),
        (
            "customization: {embeddedMachineConfiguration: x}",
            "v1.11.5",
            "customization.embeddedMachineConfiguration",
        ),
        ("customization: {secureboot: {enrollKeys: yes-please}}", "v1.11.5", "enrollKeys"),
    ],
)
def test_what_fails_when_it_is_built_is_told_before(text: str, talos: str, path: str) -> None:
    faults = check_build(
        parse_schematic(text),
        factory="v1.5.0",
        talos=talos,
    )
    assert any(fault.path.endswith(path) for fault in faults)
    assert all(fault.hint for fault in faults)


def test_secure_boot_needs_keys_and_a_release_that_has_it() -> None:
    signed = [Output(kind="installer", architecture="amd64", secure_boot=True)]
    empty = parse_schematic("{}")
    told = check_build(empty, factory="v1.5.0", talos="v1.4.8", outputs=signed, secure_boot=False)
    assert [fault.message.split(":")[0] for fault in told] == [
        "Image Factory v1.5.0 has no SecureBoot keys",
        "Talos v1.4.8 does not support SecureBoot",
    ]
    assert check_build(empty, factory="v1.5.0", talos="v1.11.5", outputs=signed) == ()


def test_a_dual_boot_disk_image_is_not_made_for_arm64() -> None:
    dual = parse_schematic("customization: {bootloader: dual-boot}")
    for architecture, fails in (("arm64", True), ("amd64", False)):
        image = Output(kind="disk image", architecture=architecture)
        told = check_build(dual, factory=None, talos="v1.11.5", outputs=[image])
        assert bool(told) is fails


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("kernel-amd64", Output(kind="kernel", architecture="amd64")),
        ("initramfs-arm64.xz", Output(kind="initramfs", architecture="arm64")),
        ("cmdline-metal-amd64", Output(kind="cmdline", architecture="amd64")),
        (
            "cmdline-metal-amd64-secureboot",
            Output(kind="cmdline", architecture="amd64", secure_boot=True),
        ),
        ("metal-amd64.iso", Output(kind="ISO", architecture="amd64")),
        ("metal-arm64-secureboot.iso", Output(kind="ISO", architecture="arm64", secure_boot=True)),
        ("metal-amd64-uki.efi", Output(kind="UKI", architecture="amd64")),
        (
            "metal-amd64-secureboot-uki.efi",
            Output(kind="UKI", architecture="amd64", secure_boot=True),
        ),
        ("metal-amd64.raw.zst", Output(kind="disk image", architecture="amd64")),
        ("metal-amd64.raw.tar.gz", Output(kind="disk image", architecture="amd64")),
        ("metal-amd64.qcow2", Output(kind="disk image", architecture="amd64")),
        (
            "digital-ocean-amd64.raw.gz",
            Output(kind="disk image", architecture="amd64", platform="digital-ocean"),
        ),
        ("installer-amd64.tar", Output(kind="installer", architecture="amd64")),
        (
            "metal-installer-amd64-secureboot.tar",
            Output(kind="installer", architecture="amd64", secure_boot=True),
        ),
        ("vmlinuz-amd64", None),
        ("metal-amd64", None),
        ("metal-riscv64.iso", None),
        ("metal-amd64.raw.bz2", None),
        ("metal-amd64-secureboot.uki.efi", None),
        ("", None),
    ],
)
def test_file_names_are_read_as_the_factory_reads_them(name: str, output: Output | None) -> None:
    assert read_output(name) == output


@pytest.mark.parametrize(
    ("name", "field", "talos", "factory", "carried"),
    [
        ("kernel-amd64", "meta", "v1.11.5", None, False),
        ("initramfs-amd64.xz", "meta", "v1.11.5", None, False),
        ("cmdline-metal-amd64", "meta", "v1.11.5", None, True),
        ("installer-amd64.tar", "meta", "v1.11.5", None, False),
        ("metal-amd64.iso", "meta", "v1.11.5", None, True),
        ("initramfs-amd64.xz", "systemExtensions.officialExtensions", "v1.11.5", None, True),
        ("cmdline-metal-amd64", "systemExtensions.officialExtensions", "v1.11.5", None, False),
        ("installer-amd64.tar", "extraKernelArgs", "v1.9.5", None, False),
        ("installer-amd64.tar", "extraKernelArgs", "v1.10.0", None, True),
        ("installer-amd64-secureboot.tar", "extraKernelArgs", "v1.9.5", None, True),
        ("initramfs-amd64.xz", "extraKernelArgs", "v1.11.5", None, False),
        ("metal-amd64.raw.zst", "bootloader", "v1.11.5", None, True),
        ("metal-amd64.raw.zst", "bootloader", "v1.11.5", "v0.8.4", False),
        ("metal-amd64-secureboot.raw.zst", "bootloader", "v1.11.5", None, False),
        ("metal-amd64.iso", "bootloader", "v1.11.5", None, False),
        ("metal-amd64.iso", "bootloader", "v1.12.0", None, True),
        ("metal-amd64-secureboot.iso", "secureboot.enrollKeys", "v1.11.5", None, True),
        ("metal-amd64.iso", "secureboot.enrollKeys", "v1.11.5", None, False),
        ("metal-amd64.iso", "diskImage.sectorSize", "v1.11.5", None, False),
    ],
)
def test_outputs_carry_what_the_factory_puts_into_them(
    name: str, field: str, talos: str, factory: str | None, carried: bool
) -> None:
    output = read_output(name)
    assert output is not None
    path = f"customization.{field}"
    assert carries(output, path, talos=talos, factory=factory) is carried


def test_one_factory_drops_the_kernel_arguments_of_installers_with_an_overlay() -> None:
    # image-factory v0.9.0 internal/profile: `prof.Overlay == nil &&`; not in v0.8.4 nor v1.0.0
    installer = Output(kind="installer", architecture="arm64")
    path = "customization.extraKernelArgs"
    for factory, carried in (("v0.8.4", True), ("v0.9.0", False), ("v1.0.0", True)):
        kept = carries(installer, path, talos="v1.11.5", factory=factory, has_overlay=True)
        assert kept is carried
        assert carries(installer, path, talos="v1.11.5", factory=factory)


def test_disk_images_enrol_keys_from_one_factory_on_and_isos_always() -> None:
    # talos v1.14.0-alpha.1 pkg/imager/out.go, which image-factory v1.3.3 is built with
    image = Output(kind="disk image", architecture="amd64", secure_boot=True)
    iso = Output(kind="ISO", architecture="amd64", secure_boot=True)
    assert [enrols(image, factory=each) for each in ("v1.3.2", "v1.3.3")] == [False, True]
    assert enrols(iso, factory="v0.9.0")
    assert not enrols(Output(kind="ISO", architecture="amd64"))


def test_ids_that_change_between_releases_are_listed_with_their_reason() -> None:
    off = "customization: {secureboot: {enrollKeys: off}}"
    schematics = {"gpu": parse_schematic(off), "plain": parse_schematic("{}")}
    (change,) = changed_ids(schematics, present="v1.4.0", target="v1.5.0")
    assert change.name == "gpu"
    assert (change.before[:6], change.after[:6]) == ("27e859", "d8f665")  # engine-dependent vector
    assert [str(cause) for cause in change.why] == [
        "customization.secureboot.enrollKeys: \"off\" is written 'off'"
    ]
    assert not change.refused


def test_a_release_that_refuses_a_field_is_told_even_where_the_id_stays() -> None:
    schematics = {"db": parse_schematic("customization: {bootloader: grub}")}
    (change,) = changed_ids(schematics, present="v1.5.0", target="v0.8.4")
    assert change.before == change.after
    assert _paths(change.refused) == ["customization.bootloader"]
    assert changed_ids(schematics, present="v1.4.0", target="v1.5.0") == ()


def test_an_ordinary_schematic_has_one_id_in_all_generations() -> None:
    assert len(ids_by_generation(parse_schematic(WHOLE))) == 4
    assert len(set(ids_by_generation(parse_schematic(WHOLE)).values())) == 1
    odd = parse_schematic("overlay: {options: {when: '12:30'}}")
    assert len(set(ids_by_generation(odd).values())) == 2


def test_the_documented_table_is_the_tables() -> None:
    page = Path(__file__).parents[2] / "docs/schematics.md"
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in page.read_text("utf-8").splitlines()
        if line.startswith(("| `owner", "| `overlay", "| `customization"))
    ]
    told = {row[0].strip("`"): (row[2][:6], row[3]) for row in rows}
    assert told == {field.path: (field.since, field.talos) for field in FIELDS}
