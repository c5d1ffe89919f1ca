"""No secret is read in a report, whatever place its author found for it; that it changed is."""

from __future__ import annotations

import re
import time

import pytest

from airgap.report import compare, write_json, write_markdown
from airgap.report.keys import compare_keys
from airgap.report.masking import mask_text
from airgap.report.scene import Scene
from airgap.rules.masking import SENSITIVE
from tests.report.recorded import BASIS, LINKS, NAME, TODAY, side

MARKED = "MARKED-do-not-show"
KEY = f"-----BEGIN EC PRIVATE KEY-----\n{MARKED}\n-----END EC PRIVATE KEY-----"


@pytest.mark.parametrize(
    "text",
    [
        f"https://user:{MARKED}@registry.example/v2",
        f"https://{MARKED}@registry.example/v2",
        f"siderolink.api=https://api.example?jointoken={MARKED}",
        f"talos.config=https://a.example/config?uuid=1&token={MARKED}",
        f"https://bucket.example/image?X-Amz-Signature={MARKED}&x=1",
        f"my.password={MARKED}",
        f"password: {MARKED}",
        f'{{"privateKey": "{MARKED}"}}',
        KEY,
        f"before {KEY} after",
        f"passphrase: {MARKED}",
        f"apiKey: {MARKED}",
        f'{{"auth": "{MARKED}"}}',
        f'{{"auth":"{MARKED}"}}',
        f'"password": "two words {MARKED}"',
        f"password: two words {MARKED}",
        f"password: a, {MARKED}",
        f"password: |\n  {MARKED}",
        f"token: [1, {MARKED}]",
        f'x.psk="two words {MARKED}"',
        f"x.psk=a,b&{MARKED}",
        f"https://u:p@ss/{MARKED}@h.example",
        f"https://u:{MARKED}/word@h.example",
        f"https://u:it's{MARKED}@h.example",
    ],
)
def test_no_secret_is_read_in_a_text(text: str) -> None:
    assert MARKED not in mask_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://registry.example:5000/v2/docker.io",
        "ghcr.io/siderolabs/installer:v1.11.5@sha256:0123",
        "docker.io/library/secret-operator:1.0",
        "console=ttyS0",
        "the token is missing",
        "docker://ghcr.io/siderolabs/installer@sha256:0123",
        "docker.io/library/secret:1.0",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize(
    "path",
    [
        ("machine", "registries", "config", "r.example", "auth", "password"),
        ("machine", "token"),
        ("cluster", "secret"),
        ("cluster", "secretboxEncryptionSecret"),
        ("machine", "ca", "key"),
        ("stringData", "anything"),
        (".dockerconfigjson",),
        ("wlan.psk",),
        ("rd.credentials",),
        ("auth", "anything", "below"),
        ("password", "0", "value"),
    ],
)
def test_a_secret_that_changes_is_marked_and_not_shown(path: tuple[str, ...]) -> None:
    old, new = (_nested(path, f"{MARKED}-{side}") for side in ("old", "new"))
    (change,) = compare_keys(old, new)
    assert change.secret
    assert MARKED not in change.model_dump_json()


WORDS = re.search(r"\(\?:(.*)\)$", SENSITIVE)
assert WORDS is not None
SECRETS = [
    word
    for each in WORDS[1].replace("(?:or)?", "or").split("|")
    for word in (
        each.replace("[_-]?", "").replace("s?", "s"),
        each.replace("[_-]?", "_").replace("s?", ""),
    )
]
"""Every word that the policies refuse."""


@pytest.mark.parametrize("word", sorted({*SECRETS, *(word.upper() for word in SECRETS)}))
@pytest.mark.parametrize(
    "form", ["{}={}", "wlan.{}={}", "{}: {}", '"{}": "two {}"', "'{}': '{}'", "https://a/?{}={}"]
)
def test_what_the_policies_refuse_is_read_in_no_form(word: str, form: str) -> None:
    assert MARKED not in mask_text(form.format(word, MARKED))


@pytest.mark.parametrize("word", sorted(set(SECRETS)))
@pytest.mark.parametrize(
    "value",
    [MARKED, [MARKED, "x"], {"deep": {"er": MARKED}}, [{"name": "x", "at": MARKED}], 20261130],
)
def test_anything_under_a_secret_key_is_masked(word: str, value: object) -> None:
    trees: list[dict[str, object]] = [
        {word: value},
        {"a": [{word: value}]},
        {"a": {f"my.{word}": value}},
    ]
    for nested in trees:
        for is_new in (True, False):
            keys = compare_keys({}, nested) if is_new else compare_keys(nested, {})
            told = "".join(key.model_dump_json() for key in keys)
            assert (MARKED in told, "20261130" in told) == (False, False)


@pytest.mark.parametrize("part", ["a.", "a.b-c:", "token", "a@", "psk."])
def test_a_long_text_takes_no_square_time(part: str) -> None:
    before = time.process_time()
    mask_text(part * 20_000)
    assert time.process_time() - before < 5


def test_a_value_beside_a_secret_name_is_masked() -> None:
    env = {"env": [[{"name": "DB_PASSWORD", "value": MARKED}]]}
    assert MARKED not in "".join(key.model_dump_json() for key in compare_keys({}, env))


def test_a_secret_that_stays_is_no_change() -> None:
    same = _nested(("machine", "token"), MARKED)
    assert compare_keys(same, same) == ()


def test_a_change_inside_what_is_masked_is_marked() -> None:
    old, new = ({"args": [f"jointoken={MARKED}{number}"]} for number in (1, 2))
    (change,) = compare_keys(old, new)
    assert (change.secret, change.path) == (True, "args")


def _nested(path: tuple[str, ...], value: object) -> dict[str, object]:
    tree: object = value
    for step in reversed(path):
        tree = {step: tree}
    assert isinstance(tree, dict)
    return tree


def test_no_form_of_a_report_shows_what_authors_hide_in_a_site() -> None:
    marked = side(
        environments=[
            {
                "name": "talos-1-11-5-amd64",
                "talos": "v1.11.5",
                "extraKernelArgs": [
                    f"siderolink.api=grpc://a.example?jointoken={MARKED}",
                    f"wlan.psk={MARKED}",
                    f"rd.credentials={MARKED}",
                ],
            }
        ],
        nodes={"timeServers": [f"https://user:{MARKED}@time.example"]},
    )
    for base, head in ((side().scene, marked.scene), (Scene(), marked.scene)):
        report = compare(base, head, site=NAME, basis=BASIS, links=LINKS, today=TODAY)
        assert MARKED not in write_json(report)
        assert MARKED not in write_markdown(report)
        assert "extraKernelArgs" in write_json(report) or "kernelArgs" in write_json(report)
