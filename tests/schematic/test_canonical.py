"""Properties of the canonical text for any schematic, with PyYAML as the second reader."""

from __future__ import annotations

import hashlib

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from airgap.errors import SiteError
from airgap.schematic import (
    canonical_yaml,
    parse_schematic,
    plain_schematic,
    schematic_for,
    schematic_id,
)

# U+2028/2029 are line breaks to YAML 1.1 readers, and not to the factory's.
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\u2028\u2029\x85\ufeff"),
    max_size=40,
)
FLOATS = {  # Go 1.26: strconv.FormatFloat(value, 'g', -1, 64)
    1.0: "1",
    1000.0: "1000",
    100000.0: "100000",
    1e6: "1e+06",
    1234567.0: "1.234567e+06",
    12345678.5: "1.23456785e+07",
    1e20: "1e+20",
    0.0001: "0.0001",
    1e-05: "1e-05",
    1e100: "1e+100",
    123456.789: "123456.789",
    -2.5: "-2.5",
}


@settings(deadline=None)
@given(TEXTS)
def test_an_independent_reader_reads_any_text_back(text: str) -> None:
    schematic = schematic_for(extensions=[text], extra_kernel_args=[text, "last"])
    read = yaml.safe_load(canonical_yaml(schematic))["customization"]
    assert read["extraKernelArgs"] == [text, "last"]
    assert read["systemExtensions"]["officialExtensions"] == [text]


@settings(deadline=None)
@given(st.dictionaries(TEXTS.filter(lambda key: "\n" not in key), TEXTS, max_size=4))
def test_parsing_the_canonical_text_gives_the_same_schematic(options: dict[str, str]) -> None:
    overlay = {"image": "siderolabs/sbc-x", "name": "x", "options": options}
    schematic = parse_schematic(yaml.safe_dump({"overlay": overlay}, default_style='"'))
    assert parse_schematic(canonical_yaml(schematic)) == schematic
    assert plain_schematic(schematic)["overlay"] == overlay or not options


def test_the_id_is_the_sha256_of_the_canonical_text() -> None:
    schematic = schematic_for(extensions=["siderolabs/iscsi-tools"])
    text = canonical_yaml(schematic)
    assert schematic_id(schematic) == hashlib.sha256(text.encode()).hexdigest()


def test_order_and_repetition_of_extensions_make_another_schematic() -> None:
    names = (["a/b", "a/c"], ["a/c", "a/b"], ["a/b", "a/c", "a/c"])
    assert len({schematic_id(schematic_for(extensions=list(name))) for name in names}) == 3


@pytest.mark.parametrize(("value", "text"), FLOATS.items())
def test_floats_in_options_are_written_as_go_writes_them(value: float, text: str) -> None:
    schematic = parse_schematic(f"overlay: {{options: {{rate: {value!r}}}}}")
    assert f"\n        rate: {text}\n" in canonical_yaml(schematic)


def test_option_keys_stand_in_the_factorys_natural_order() -> None:
    # As go.yaml.in/yaml/v4 v4.0.0-rc.4 marshals this map.
    order = ["_x", "1", "1a", "1.0.9", "1.0.10", "10", "10a", "B", "a", "a-b", "a_b", "a1", "a1b"]
    order += ["a01", "a2", "a10", "aB", "b", "v1.9.0", "v1.10.0", "x10", "x010", "x100", "é"]
    options = ", ".join(f"'{key}': x" for key in reversed(order))
    text = canonical_yaml(parse_schematic(f"overlay: {{options: {{{options}}}}}"))
    written = [line.split(":")[0].strip(' "') for line in text.splitlines() if line.endswith(": x")]
    assert written == order


def test_nested_options_keep_empty_values_and_indent_by_four() -> None:
    # As go.yaml.in/yaml/v4 v4.0.0-rc.4 marshals it; rc.6 writes 'y' in single quotes.
    text = "overlay: {options: {list: [{a: 1, b: [x, [y]]}, [], {}], none: ~, flag: true}}"
    assert canonical_yaml(parse_schematic(text), factory="v1.4.0") == (
        "overlay:\n"
        '    image: ""\n'
        '    name: ""\n'
        "    options:\n"
        "        flag: true\n"
        "        list:\n"
        "            - a: 1\n"
        "              b:\n"
        "                - x\n"
        '                - - "y"\n'
        "            - []\n"
        "            - {}\n"
        "        none: null\n"
        "customization: {}\n"
    )


def test_all_faults_are_told_at_once_with_their_paths() -> None:
    text = (
        "customization:\n  meta: [{key: 256}]\n  bootloader: lilo\n  extraKernelArg: []\n"
        "  extraKernelArgs: [{a: b}]\noverlay: [x]\n"
    )
    with pytest.raises(SiteError) as caught:
        parse_schematic(text, path="schematics[0]")
    assert sorted(fault.path for fault in caught.value.faults) == [
        "schematics[0].customization.bootloader",
        "schematics[0].customization.extraKernelArg",
        "schematics[0].customization.extraKernelArgs[0]",
        "schematics[0].customization.meta[0].key",
        "schematics[0].overlay",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "customization: {extraKernelArgs: [a], extraKernelArgs: [b]}",
        "customization: !!binary aGVsbG8=",
        "overlay: {options: {when: 2024-01-02}}",
        "overlay: &x {options: {self: *x}}",
        (
            "overlay: {options: {a: &a [1, 2, 3, 4, 5, 6, 7], b: &b [*a, *a, *a, *a, *a, *a, *a], "
            "c: &c [*b, *b, *b, *b, *b, *b, *b], d: &d [*c, *c, *c, *c, *c, *c], e: [*d, *d, *d]}}"
        ),
        "overlay: {options: {a: " + "[" * 5000,
        "",
    ],
)
def test_what_cannot_be_a_schematic_is_refused(text: str) -> None:
    with pytest.raises(SiteError, match="schematic"):
        parse_schematic(text)
