"""Random schematics: ID and text as they are computed here are those of the real v1.0.3."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from airgap.schematic import canonical_yaml, parse_schematic, schematic_id
from tests.peers.factorysubjects import Subject, start_subject
from tools.peers import Peers

pytestmark = pytest.mark.peers

_VERSION = "v1.0.3"
_TEXTS = st.one_of(
    st.text(st.sampled_from("\n\t '\"#:-?,[]{}&*!|>%@`~=<\\.0178_eExXoOnNyYtTfF+"), max_size=8),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(
        [
            *("yes", "No", "on", "OFF", "null", "~", "1_000", "0x1F", "0o7", "12:30", "<<", "="),
            *("2001-01-01", "2001-01-01T00:00:00Z", ".inf", "1e3", "---", "...", "a: b", "a #b"),
        ]
    ),
)
_KEYS = _TEXTS.filter(lambda text: not {"\n", "\r", "\x85", "\u2028", "\u2029"} & {*text})
"""Keys of several lines are refused here, which the factory takes."""
_BODIES = st.fixed_dictionaries(
    {
        "overlay": st.fixed_dictionaries(
            {
                "image": _TEXTS,
                "name": _TEXTS,
                "options": st.dictionaries(_KEYS, _TEXTS, max_size=3),
            }
        ),
        "customization": st.fixed_dictionaries(
            {
                "extraKernelArgs": st.lists(_TEXTS, max_size=3),
                "systemExtensions": st.fixed_dictionaries(
                    {"officialExtensions": st.lists(_TEXTS, max_size=2)}
                ),
            }
        ),
    }
)


@pytest.fixture(scope="module")
def subject(peers: Peers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    """The real factory over an empty registry."""
    folder = tmp_path_factory.mktemp("factory")
    with start_subject("image-factory", peers, folder, catalogue=False) as started:
        yield started


@settings(deadline=None, max_examples=200)
@given(_BODIES)
def test_any_text_has_the_real_factorys_id(subject: Subject, document: dict[str, object]) -> None:
    """What it stored is looked at, for it reads back a few texts as others."""
    body = yaml.safe_dump(document, default_style='"')
    schematic = parse_schematic(body, factory=_VERSION)
    text = canonical_yaml(schematic, factory=_VERSION)
    identity = subject.register(body)
    stored = subject.registry.content.pool.read(f"sha256:{identity}")
    assert stored.decode() == text
    assert schematic_id(schematic, factory=_VERSION) == identity
    assert hashlib.sha256(stored).hexdigest() == identity
