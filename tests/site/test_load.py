"""A site is read whole, strictly, with every fault at once."""

from __future__ import annotations

import datetime as dt
import json
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.errors import SiteError
from airgap.site.load import load_site, parse_site
from airgap.site.schema import known_keys
from tests.site.documents import EXAMPLE_CA, Raw, changed, faults_of, minimal, parsed, paths_of

__all__: list[str] = []

SECTIONS = (
    (),
    ("talos",),
    ("registry",),
    ("registry", "endpoints", 0),
    ("assetMirror",),
    ("sidero",),
    ("environments", 0),
    ("serverClasses", 0),
)

_STACK = """\
encryptionsalt: v1:example
config:
  other:key: {secure: v1:AAAA}
  sidero-airgap:credentials: {secure: v1:BBBB}
  sidero-airgap:site:
    schemaVersion: 1
    talos: {versions: [v1.11.5]}
    registry: {kind: existing, endpoints: [{url: "https://registry.example:5000"}]}
    assetMirror: {kind: directory, url: "https://a.example", path: ../www}
    sidero: {version: v0.6.13}
    policy:
      exceptions:
        - {rule: no-skip-verify, subject: a.example, reason: r, owner: o, expires: 2027-01-31}
"""


@pytest.fixture
def stack_file(tmp_path: Path) -> Path:
    path = tmp_path / "Pulumi.berlin.yaml"
    path.write_text(_STACK)
    return path


def test_a_right_site_becomes_the_model() -> None:
    site = parsed(minimal())

    assert site.talos.versions == ("v1.11.5",)
    assert site.registry.endpoints[0].url == "https://registry.example:5000"
    assert site.environments[0].architecture == "amd64"


def test_five_faults_of_one_document_are_told_at_once() -> None:
    site = changed(
        (("registry", "layuot"), "flat"),
        (("talos", "versions"), ["v1.11.5", "v9.9.9"]),
        (("sidero", "delivery"), "post"),
        (("serverClasses", 0, "environment"), "gone"),
        (("nodes", "nameservers"), ["dns.example"]),
    )

    assert set(paths_of(site)) == {
        "site.registry.layuot",
        "site.talos.versions[1]",
        "site.sidero.delivery",
        "site.serverClasses[0].environment",
        "site.nodes.nameservers[0]",
    }


def test_several_faults_of_one_section_are_told_at_once() -> None:
    site = changed(
        (("registry", "layuot"), "flat"),
        (("registry", "endpoints", 0, "url"), "https://registry.example:5000/team"),
        (("registry", "mirrors", "docker.io"), {"endpoints": ["https://r.example/team"]}),
    )

    assert paths_of(site) == [
        "site.registry.layuot",
        "site.registry.endpoints[0].url",
        'site.registry.mirrors["docker.io"].endpoints[0]',
    ]


def test_text_of_a_wrong_form_hides_no_other_fault_of_its_section() -> None:
    site = changed(
        (("registry", "kind"), "exsting"),
        (("registry", "endpoints", 0), {"url": "registry.example:5000", "caFile": "ca.pem"}),
        (("registry", "mirrors", "docker.io"), {"endpoints": ["https://r.example/team"]}),
    )

    assert paths_of(site, {"ca.pem": b"garbage"}) == [
        "site.registry.kind",
        "site.registry.endpoints[0].url",
        "site.registry.endpoints[0].caFile",
        'site.registry.mirrors["docker.io"].endpoints[0]',
    ]


def test_the_error_names_the_stack_file_and_every_fault() -> None:
    with pytest.raises(SiteError) as caught:
        parsed(changed((("talos", "versions"), []), (("sidero", "flavour"), "mild")))

    assert str(caught.value).startswith("stacks/Pulumi.test.yaml: 2 faults: ")
    assert len(caught.value.diagnostics().splitlines()) == 3


@pytest.mark.parametrize(
    ("place", "hint"),
    [
        (("registry", "pathPrefx"), "did you mean 'pathPrefix'?"),
        (("registry", "path_prefix"), "did you mean 'pathPrefix'?"),
        (("registry", "endpoints", 0, "cafile"), "did you mean 'caFile'?"),
        (("registry", "mirrors", "ghcr.io"), ""),
        (("asetMirror",), "did you mean 'assetMirror'?"),
        (("upstream", "releases"), ""),
        (("serverClasses", 0, "extentions"), "did you mean 'extensions'?"),
        (("talos", "zzz"), "known here: components, versions"),
    ],
)
def test_an_unknown_key_hints_at_the_nearest_of_its_own_level(
    place: tuple[str | int, ...], hint: str
) -> None:
    if not hint:
        place = (*place, "endpoint")
        hint = "did you mean 'endpoints'?" if "mirrors" in place else "known here: ca, caFile, url"
    edits: list[tuple[tuple[str | int, ...], object]] = [(place, {})]
    if "upstream" in place:
        edits.insert(0, (("upstream", "releases"), {"url": "https://cache.example"}))

    [fault] = faults_of(changed(*edits))

    assert fault.message == "unknown key"
    assert fault.hint == hint


def test_a_misspelt_section_does_not_bring_false_faults_elsewhere() -> None:
    site = minimal()
    site["enviroments"] = site.pop("environments")

    assert paths_of(site) == ["site.enviroments"]


def test_a_missing_section_is_told_once() -> None:
    site = minimal()
    del site["registry"]

    [fault] = faults_of(site)

    assert str(fault) == "site.registry: missing (add 'registry' to site)"


@given(
    place=st.sampled_from(SECTIONS),
    key=st.text(alphabet=string.printable, min_size=1, max_size=20),
    value=st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.integers())),
)
def test_an_unknown_key_is_refused_wherever_it_stands(
    place: tuple[str | int, ...], key: str, value: object
) -> None:
    if key in known_keys(place):
        return

    assert faults_of(changed(((*place, key), value)))


@given(url=st.from_regex(r"https?://[\[\]:./a-z0-9%-]{0,12}", fullmatch=True))
def test_any_url_is_read_or_refused(url: str) -> None:
    site = changed(
        (("registry", "endpoints", 0, "url"), url),
        (("registry", "mirrors", "ghcr.io"), {"endpoints": [url]}),
        (("assetMirror", "url"), url),
        (("upstream", "registries"), {"ghcr.io": url}),
        (("nodes", "discovery"), {"enabled": True, "endpoint": url}),
    )

    for fault in faults_of(site):
        assert fault.path.startswith("site.")


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(section=st.sampled_from(sorted(known_keys(()))), value=_JSON)
def test_any_value_in_any_section_is_read_or_refused_in_plain_words(
    section: str, value: object
) -> None:
    for fault in faults_of({**minimal(), section: value}):
        assert fault.path.startswith("site")
        assert "another kind of value" not in fault.message
        assert "pydantic" not in str(fault)
        assert "Input should" not in str(fault)


def test_a_value_from_the_engine_gives_the_same_site_as_the_stack_file(stack_file: Path) -> None:
    (stack_file.parent / "ca.pem").write_text(EXAMPLE_CA)
    value = json.loads(
        """{"schemaVersion": 1, "talos": {"versions": ["v1.11.5"]},
            "registry": {"kind": "existing",
                         "endpoints": [{"url": "https://registry.example:5000"}]},
            "assetMirror": {"kind": "directory", "url": "https://a.example", "path": "../www"},
            "sidero": {"version": "v0.6.13"},
            "policy": {"exceptions": [{"rule": "no-skip-verify", "subject": "a.example",
              "reason": "r", "owner": "o", "expires": "2027-01-31 00:00:00 +0000 UTC"}]}}"""
    )

    assert parse_site(value, name="berlin", read=lambda _: b"") == load_site(stack_file)


def test_other_config_keys_and_what_is_the_engines_are_left_alone(stack_file: Path) -> None:
    assert load_site(stack_file).policy.exceptions[0].expires == "2027-01-31"


@pytest.mark.parametrize(
    "written",
    [
        "2027-01-31",
        "2027-01-31 00:00:00 +0000 UTC",  # pulumi 3.250.0, objectValue of `pulumi config --json`
        "2027-01-31T00:00:00Z",
        dt.date(2027, 1, 31),
        dt.datetime(2027, 1, 31, tzinfo=dt.UTC),
    ],
)
def test_an_unquoted_date_is_the_same_date_for_every_reader(written: object) -> None:
    exception = {
        "rule": "no-skip-verify",
        "subject": "a.example",
        "reason": "r",
        "owner": "o",
        "expires": written,
    }

    site = parsed(changed((("policy", "exceptions"), [exception])))

    assert site.policy.exceptions[0].expires == "2027-01-31"


def test_a_relative_directory_starts_at_the_stack_file(stack_file: Path) -> None:
    assert load_site(stack_file).asset_mirror.path == "www"


def test_an_absolute_directory_stays() -> None:
    assert parsed(minimal()).asset_mirror.path == "/srv/talos"


def test_a_stack_file_that_is_not_there_names_those_that_are(stack_file: Path) -> None:
    with pytest.raises(SiteError, match=r"not there \(sites here: berlin\)"):
        load_site(stack_file.with_name("Pulumi.bonn.yaml"))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("config: }", "line 1"),
        ("config:\n  a: 1\n  a: 2\n", "line 3"),
        ("config:\n  a: \t- b\n   c", "line 2"),
        ("", "config"),
        ("config: {}", 'config["sidero-airgap:site"]'),
        ("config: {'sidero-airgap:site': [1]}", 'config["sidero-airgap:site"]'),
    ],
)
def test_a_file_without_a_readable_site_is_refused(tmp_path: Path, text: str, path: str) -> None:
    file = tmp_path / "Pulumi.x.yaml"
    file.write_text(text)

    with pytest.raises(SiteError) as caught:
        load_site(file)

    assert [fault.path for fault in caught.value.faults] == [path]


def test_what_is_no_utf8_is_told_by_its_place(tmp_path: Path) -> None:
    """It was "cannot be read: UnicodeDecodeError"; ü is 0xfc in ISO 8859-1."""
    file = tmp_path / "Pulumi.x.yaml"
    file.write_bytes("# ä\n".encode() + "# ä: ".encode() + "Zürich\n".encode("latin-1"))

    with pytest.raises(SiteError) as refusal:
        load_site(file)

    (fault,) = refusal.value.faults
    assert fault.path == "line 2"
    assert "column 7 is not UTF-8 (byte 0xfc)" in fault.message
    assert "UTF-8" in fault.hint


def test_a_stack_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.x.yaml"
    file.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(SiteError, match="line 1: column 1 is not UTF-8"):
        load_site(file)


def test_yaml_1_2_scalars_are_read_as_the_engine_reads_them(stack_file: Path) -> None:
    text = stack_file.read_text()
    stack_file.write_text(text.replace("reason: r, owner: o", "reason: yes, owner: 12:30"))

    exception = load_site(stack_file).policy.exceptions[0]

    assert (exception.reason, exception.owner) == ("yes", "12:30")


def test_the_plan_documents_mirrors_are_accepted_verbatim() -> None:
    block: Raw = {
        "docker.io": {
            "endpoints": ["https://registry.example:5000/v2/docker.io"],
            "skipVerify": False,
            "overridePath": True,
            "caCert": EXAMPLE_CA,
            "authSecretRef": {"name": "registry-auth"},
        },
        "ghcr.io": {"endpoints": ["https://registry.example:5000"], "skipVerify": False},
    }

    site = parsed(changed((("registry", "mirrors"), block), (("sidero", "flavour"), "airgap")))

    mirror = site.registry.mirrors["docker.io"]
    assert mirror.endpoints == ("https://registry.example:5000/v2/docker.io",)
    assert mirror.override_path is True
    assert mirror.ca_cert == EXAMPLE_CA
    assert mirror.auth_secret_ref == "registry-auth"


def test_a_bare_url_is_an_upstream_source() -> None:
    site = parsed(changed((("upstream", "factory"), "https://factory.cache.example")))

    assert site.upstream.factory is not None
    assert site.upstream.factory.url == "https://factory.cache.example"


def test_parsing_leaves_the_value_as_it_was() -> None:
    value = changed((("registry", "oops"), {"deep": [1]}))
    before = json.dumps(value)

    faults_of(value)

    assert json.dumps(value) == before
