"""No secret is read in a report, whatever place its author found for it; that it changed is."""

from __future__ import annotations

import pytest

from airgap.report import compare, write_json, write_markdown
from airgap.report.keys import compare_keys
from airgap.report.masking import mask_text
from airgap.report.scene import Scene
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
    ],
)
def test_a_secret_that_changes_is_marked_and_not_shown(path: tuple[str, ...]) -> None:
    old, new = (_nested(path, f"{MARKED}-{side}") for side in ("old", "new"))
    (change,) = compare_keys(old, new)
    assert change.secret
    assert MARKED not in change.model_dump_json()


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
                "extraKernelArgs": [f"siderolink.api=grpc://a.example?jointoken={MARKED}"],
            }
        ],
        nodes={"timeServers": [f"https://user:{MARKED}@time.example"]},
    )
    for base, head in ((side().scene, marked.scene), (Scene(), marked.scene)):
        report = compare(base, head, site=NAME, basis=BASIS, links=LINKS, today=TODAY)
        assert MARKED not in write_json(report)
        assert MARKED not in write_markdown(report)
        assert "extraKernelArgs" in write_json(report) or "kernelArgs" in write_json(report)
