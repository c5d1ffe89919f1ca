"""No secret is read in a report, whatever place its author found for it; that it changed is."""

from __future__ import annotations

import base64
import time
from dataclasses import replace

import pytest

from airgap.lock.model import Lock, SchematicPin
from airgap.report import compare, write_json, write_markdown, write_page
from airgap.report.keys import compare_keys
from airgap.report.masking import mask_text
from airgap.report.scene import Scene
from airgap.rules import evaluate
from airgap.schematic import Schematic, canonical_yaml, schematic_id
from tests.report.recorded import BASIS, LINKS, NAME, TODAY, side

MARKED = "MARKED-do-not-show"
KEY = f"-----BEGIN EC PRIVATE KEY-----\n{MARKED}\n-----END EC PRIVATE KEY-----"
BASE64_KEY = base64.b64encode(KEY.encode()).decode()
"""As Talos' machine configurations have keys."""


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
        f"https://u:it's/{MARKED}@h.example/x@refs/heads/main",
        f'"x.psk=two words {MARKED}"',
        f"key: {BASE64_KEY}",
    ],
)
def test_no_secret_is_read_in_a_text(text: str) -> None:
    assert MARKED not in mask_text(text)
    assert BASE64_KEY not in mask_text(text)


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
        "https://github.com/example/shop/.github/workflows/release.yml@refs/tags/v1",
        "iommu.passthrough=1",
        "vfio.bypass=1",
        "compass=north",
        "keyboard=de",
        "monkey: banana",
        base64.b64encode(b"-----BEGIN CERTIFICATE-----\nMIIB").decode(),
        base64.b64encode(b"-----BEGIN PUBLIC KEY-----\nMFkw").decode(),
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
        ("key",),
        ("AWS_SECRET_ACCESS_KEY",),
        ("wireguard", "privateKey"),
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


SECRETS = [
    "password", "passwd", "passphrase", "ipxe.pass", "db_pass", "pwd", "token", "secret", "psk",
    "credential", "credentials", "api_key", "api-key", "apikey", "authkey", "access_key",
    "accessKey", "aws_secret_access_key", "secret_key", "private_key", "privateKey",
    "presharedKey", "signing-key", "encryption_key", "LICENSE_KEY",
    "talos.config.inline", "talos.config.early", "talos.config.oauth.client_secret",
]  # fmt: skip
"""What settings, kernel arguments and documents call a secret: refused and masked alike."""


@pytest.mark.parametrize("word", SECRETS)
@pytest.mark.parametrize("form", ["{}={}", "talos.environment={}={}", "--x.{}={}", '{}="{} x"'])
def test_what_the_report_masks_in_an_argument_the_policies_refuse(form: str, word: str) -> None:
    text = form.format(word, MARKED)
    values = {"environments": {"default": {"kernelArgs": ["console=tty0", text]}}}
    found = [
        finding
        for finding in evaluate("airgap:index:SideroEnvironment", "x", values, today=TODAY)
        if finding.rule == "no-plain-credentials"
    ]
    assert [item.subject for item in found] == ["environments.default.kernelArgs.1"]
    assert MARKED not in f"{found} {mask_text(text)}"


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


HIDDEN = [
    f"siderolink.api=grpc://a.example?jointoken={MARKED}",
    f"siderolink.api=a.example:8081?jointoken={MARKED}",
    f"talos.config=https://user:{MARKED}@a.example/config",
    f"wlan.psk={MARKED}",
    f"rd.credentials={MARKED}",
    f"talos.environment=API_TOKEN={MARKED}",
    f"talos.environment=AWS_SECRET_ACCESS_KEY={MARKED}",
    f"talos.environment=TS_AUTHKEY={MARKED}",
    f"talos.config.inline={MARKED}",
    f"talos.config.early={MARKED}",
    f"x.access_key={MARKED}",
    f"x.pwd={MARKED}",
    f"ipxe.pass={MARKED}",
    f"cifsroot=//a.example/share,user=u,password={MARKED}",
]
META = [
    f"links:\n- name: wg0\n  wireguard:\n    privateKey: {MARKED}\n",
    f"links: [{{name: wg0, wireguard: {{privateKey: {MARKED}}}}}]",
    f"wireguard:\n  peers:\n  - presharedKey: {MARKED}\n",
    f'{{"token":"{MARKED}"}}',
    f"secret={MARKED}",
    f"environment:\n- TS_AUTHKEY={MARKED}\n",
    f"password: |\n  {MARKED}\n",
    KEY,
    f"ca:\n  key: {BASE64_KEY}\n",
]


def test_no_form_of_a_report_shows_what_authors_hide_in_a_site() -> None:
    marked = side(
        environments=[
            {"name": "talos-1-11-5-amd64", "talos": "v1.11.5", "extraKernelArgs": HIDDEN}
        ],
        nodes={"timeServers": [f"https://user:{MARKED}@time.example"]},
    )
    marked = replace(marked, lock=_with_meta(marked.lock))
    for base, head in ((side().scene, marked.scene), (Scene(), marked.scene)):
        report = compare(base, head, site=NAME, basis=BASIS, links=LINKS, today=TODAY)
        for written in (write_json(report), write_markdown(report), write_page(report)):
            assert MARKED not in written
            assert BASE64_KEY not in written
            assert "ernelArgs" in written
            assert "meta" in written


def _with_meta(lock: Lock) -> Lock:
    """Return a lock whose server class `workers` has META values."""
    meta = tuple({"key": 10 + index, "value": value} for index, value in enumerate(META))
    schematic = Schematic.model_validate({"customization": {"meta": meta}})
    pin = SchematicPin(canonical=canonical_yaml(schematic), classes=("workers",))
    others = {key: each for key, each in lock.schematics.items() if "workers" not in each.classes}
    return lock.model_copy(update={"schematics": {**others, schematic_id(schematic): pin}})


@pytest.mark.parametrize("value", META)
def test_what_the_report_masks_in_a_meta_value_the_policies_refuse(value: str) -> None:
    schematic = {"customization": {"meta": [{"key": 10, "value": value}]}}
    values = {"schematics": {"workers": {"id": "a" * 64, "schematic": schematic}}}
    (found,) = evaluate("airgap:index:ImageFactory", "x", values, today=TODAY)
    subject = "schematics.workers.schematic.customization.meta.0.value"
    assert (found.rule, found.subject) == ("no-plain-credentials", subject)
    assert MARKED not in str(found)


@pytest.mark.parametrize(
    "value", [10, f"key sha256:{'a' * 64}", f"sha256:{'a' * 64}", f"sha512:{'a' * 128}"]
)
def test_a_number_and_a_fingerprint_called_key_are_read(value: object) -> None:
    for values in ({"key": value}, {"require": [{"images": "x/**", "key": value}]}):
        (change,) = compare_keys({}, values)
        assert (change.secret, str(value) in str(change.new)) == (False, True)
