"""YAML text: deterministic, and what goes in comes out, in Python's and in Go's reading."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from airgap.render import render_documents, render_file

TEXT = st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Zl", "Zp"])
    | st.sampled_from("\n:#-'\"|>&*!%@`{}[],? "),
    max_size=40,
)
VALUES = st.recursive(
    TEXT | st.booleans() | st.integers(-(2**53), 2**53),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def shuffled(document: dict[str, object]) -> dict[str, object]:
    """Return the mapping in another order, as protobuf's maps may."""
    return dict(reversed(document.items()))


@given(st.lists(st.dictionaries(TEXT, VALUES, min_size=1, max_size=5), min_size=1, max_size=3))
def test_documents_parse_back_to_equal_values(documents: list[dict[str, object]]) -> None:
    text = render_documents(documents)
    assert render_documents(map(shuffled, documents)) == text
    assert list(yaml.safe_load_all(text)) == documents
    assert render_documents(documents) == text


def test_a_kubernetes_object_comes_in_its_usual_order_whatever_the_engine_did_to_it() -> None:
    document = {"spec": {"b": 1, "a": 2}, "metadata": {"name": "x"}, "kind": "K", "apiVersion": "v"}
    for one in (document, dict(reversed(document.items()))):
        assert render_documents([one]) == (
            "apiVersion: v\nkind: K\nmetadata:\n  name: x\nspec:\n  a: 2\n  b: 1\n"
        )


def test_a_certificate_is_a_literal_block_and_no_long_line_is_wrapped() -> None:
    """Talos' documentation shows certificates as blocks; a wrapped URL would be unreadable."""
    url = "https://a.example/" + "x" * 300
    text = render_documents([{"ca": "-----BEGIN\nabc\n-----END\n", "url": url}])
    assert text == f"ca: |\n  -----BEGIN\n  abc\n  -----END\nurl: {url}\n"


@pytest.mark.parametrize("text", ["1e3", "12e4", ".5", "0o17", "5", "1.5", "yes", "null", "~", ""])
def test_text_that_reads_as_something_else_is_quoted(text: str) -> None:
    """YAML 1.2 core schema, section 10.3.2: `1e3` and `0o17` are numbers for Go's reader."""
    assert render_documents([{"v": text}]) == f"v: '{text}'\n"


def test_numbers_that_came_through_the_engine_as_floats_are_whole_again() -> None:
    assert render_documents([{"port": 5000.0, "half": 0.5}]) == "half: 0.5\nport: 5000\n"


def test_one_value_used_twice_makes_no_anchor() -> None:
    shared = {"a": [1]}
    assert "&" not in render_documents([{"x": shared, "y": shared}])


def test_a_list_stands_below_its_key() -> None:
    assert render_documents([{"args": ["a", "b"]}]) == "args:\n  - a\n  - b\n"


def test_server_class_patches_become_texts() -> None:
    """ServerClass v1alpha2 `strategicPatches`: strings, each of one or more documents."""
    patches = [[{"machine": {"a": 1}}, {"apiVersion": "v1alpha1", "kind": "X"}], [{"cluster": {}}]]
    document = {
        "apiVersion": "metal.sidero.dev/v1alpha2",
        "kind": "ServerClass",
        "metadata": {"name": "n"},
        "spec": {"qualifiers": {}, "strategicPatches": patches},
    }
    written = yaml.safe_load(render_file({"documents": [document]}))
    texts = written["spec"]["strategicPatches"]
    assert all(isinstance(text, str) for text in texts)
    assert [list(yaml.safe_load_all(text)) for text in texts] == patches


def test_other_documents_keep_a_field_of_that_name() -> None:
    document = {"kind": "Other", "spec": {"strategicPatches": [[{"a": 1}]]}}
    assert yaml.safe_load(render_file({"documents": [document]})) == document


def test_several_documents_are_parted() -> None:
    assert render_file({"documents": [{"a": 1}, {"b": 2}]}) == b"a: 1\n---\nb: 2\n"


def test_a_unit_file_repeats_a_key_for_each_value() -> None:
    """systemd.syntax(7): some settings may be given more than once."""
    ini = {
        "Install": {"WantedBy": "multi-user.target"},
        "Service": {"Environment": ["B=2", "A=1"]},
        "Unit": {"After": "network.target"},
    }
    for one in (ini, dict(reversed(ini.items()))):
        assert render_file({"ini": one}) == (
            b"[Unit]\nAfter=network.target\n\n[Service]\nEnvironment=B=2\nEnvironment=A=1\n"
            b"\n[Install]\nWantedBy=multi-user.target\n"
        )


def test_a_value_that_would_break_its_line_is_refused() -> None:
    with pytest.raises(ValueError, match="several lines"):
        render_file({"ini": {"Service": {"ExecStart": "a\nUser=root"}}})


@pytest.mark.parametrize("specification", [{}, {"text": "x"}, {"documents": [], "ini": {}}])
def test_a_file_has_exactly_one_form(specification: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="documents, ini, lines or hosts"):
        render_file(specification)
