"""Properties of the canonical text for any schematic, with PyYAML as the second reader."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TypedDict

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from airgap.errors import SiteError
from airgap.schematic import (
    GENERATIONS,
    Schematic,
    canonical_yaml,
    check_build,
    parse_schematic,
    plain_schematic,
    schematic_for,
    schematic_id,
)
from airgap.schematic.engine import Engine
from airgap.schematic.strings import quote_string
from tests.schematic.reader import is_plain_string, read_scalar

# U+2028/2029 are line breaks to YAML 1.1 readers, and not to the factory's.
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\u2028\u2029\x85\ufeff"),
    max_size=40,
)


def is_key(text: str) -> bool:
    """Tell whether a text can be a key: one line, and short."""
    return not set(text) & set("\n\r") and len(text.encode()) <= 128


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


FACTORIES = st.sampled_from([generation.last for generation in GENERATIONS])


def _is_kept(schematic: Schematic, factory: str) -> bool:
    """Tell whether the factory can read back what it writes of a schematic, as we say."""
    return check_build(schematic, factory=factory, talos=None) == ()


@settings(deadline=None)
@given(TEXTS, st.sampled_from(list(Engine)))
def test_any_text_is_read_back_by_the_rules_of_yaml(text: str, engine: Engine) -> None:
    written = quote_string(text, engine=engine, column=8)
    lossy = engine is Engine.V3 and text.startswith("\n") and written.startswith("|")
    assert read_scalar(written, column=8) == (text[1:] if lossy else text)
    assert written[0] in "\"'|" or is_plain_string(written)


@settings(deadline=None)
@given(TEXTS, FACTORIES)
def test_a_second_reader_reads_any_text_back(text: str, factory: str) -> None:
    schematic = schematic_for(extensions=[text], extra_kernel_args=[text, "last"], meta=[(1, text)])
    assume(_is_kept(schematic, factory))
    read = yaml.safe_load(canonical_yaml(schematic, factory=factory))["customization"]
    assert read["extraKernelArgs"] == [text, "last"]
    assert read["meta"] == [{"key": 1, "value": text}]
    assert read["systemExtensions"]["officialExtensions"] == [text]


@settings(deadline=None)
@given(TEXTS, FACTORIES)
def test_the_canonical_text_of_the_canonical_text_is_itself(text: str, factory: str) -> None:
    schematic = schematic_for(extensions=[text], meta=[(7, text)])
    assume(_is_kept(schematic, factory))
    written = canonical_yaml(schematic, factory=factory)
    assert parse_schematic(written, factory=factory) == schematic
    assert canonical_yaml(parse_schematic(written, factory=factory), factory=factory) == written


@settings(deadline=None)
@given(st.dictionaries(TEXTS.filter(is_key), TEXTS, max_size=4), FACTORIES)
def test_parsing_the_canonical_text_gives_the_same_schematic(
    options: dict[str, str], factory: str
) -> None:
    overlay = {"image": "siderolabs/sbc-x", "name": "x", "options": options}
    schematic = parse_schematic(yaml.safe_dump({"overlay": overlay}, default_style='"'))
    assume(_is_kept(schematic, factory))
    assert parse_schematic(canonical_yaml(schematic, factory=factory), factory=factory) == schematic
    assert plain_schematic(schematic)["overlay"] == overlay or not options


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=3), st.lists(TEXTS, max_size=3))
def test_ids_are_equal_for_equal_schematics_alone(one: list[str], other: list[str]) -> None:
    first, second = schematic_for(extensions=one), schematic_for(extensions=other)
    assert (schematic_id(first) == schematic_id(second)) == (one == other)


class _Written(TypedDict):
    factories: list[str]
    canonical: str
    readBack: bool


class _Unusual(TypedDict):
    text: str
    answers: list[_Written]


def test_unusual_texts_are_written_as_the_factories_libraries_write_them() -> None:
    """`texts.json`: what gopkg.in/yaml.v3 v3.0.1 and go.yaml.in/yaml/v4 v4.0.0-rc.3, rc.4 and rc.6
    marshal of each text, as a kernel argument and as a META value, and whether they read it back
    unchanged; run once with Go 1.26.
    """
    path = Path(__file__).parent / "texts.json"
    unusual: list[_Unusual] = json.loads(path.read_text("utf-8"))
    for each in unusual:
        text = each["text"]
        schematic = schematic_for(extra_kernel_args=[text, "z"], meta=[(10, text)])
        for answer in each["answers"]:
            for factory in answer["factories"]:
                written = canonical_yaml(schematic, factory=factory)
                assert written == answer["canonical"], (text, factory)
                assert _is_kept(schematic, factory) == answer["readBack"], (text, factory)


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
        "overlay: {options: {a: " + "[" * 600,
        "",
    ],
)
def test_what_cannot_be_a_schematic_is_refused(text: str) -> None:
    with pytest.raises(SiteError, match="schematic"):
        parse_schematic(text)
