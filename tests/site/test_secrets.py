"""No secret stands in a site, and no fault repeats one."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.errors import SiteError
from airgap.site.load import load_site, refuse_secret_site
from airgap.site.path import Step
from tests.site.documents import changed, faults_of, parsed, paths_of

__all__: list[str] = []

MARKED = "s3cr3t-marked-value"
_COMMAND = "pulumi config set --secret --path 'sidero-airgap:credentials[\"host:port\"].password'"
_PRIVATE_KEY = f"-----BEGIN EC PRIVATE {'KEY'}-----\n{MARKED}\n-----END EC PRIVATE {'KEY'}-----\n"


@pytest.mark.parametrize(
    ("place", "value", "path"),
    [
        (("registry", "password"), MARKED, "site.registry.password"),
        (("registry", "endpoints", 0, "token"), MARKED, "site.registry.endpoints[0].token"),
        (("credentials",), {"r": {"username": MARKED}}, "site.credentials"),
        (("registry", "auth"), {"x": MARKED}, "site.registry.auth"),
        (("imageFactory", "registryPassword"), MARKED, "site.imageFactory.registryPassword"),
        (("sidero", "api_token"), MARKED, "site.sidero.api_token"),
        (("registry",), {"secure": MARKED}, "site.registry"),
        (("talos", "versions"), [{"secure": MARKED}], "site.talos.versions[0]"),
        (("images",), {"secure": MARKED}, "site.images"),
        (
            ("registry", "endpoints", 0, "url"),
            f"https://robot:{MARKED}@registry.example",
            "site.registry.endpoints[0].url",
        ),
        (("assetMirror", "url"), f"https://{MARKED}@a.example/talos", "site.assetMirror.url"),
        (("upstream", "factory"), f"https://u:{MARKED}@f.example", "site.upstream.factory"),
        (
            ("registry", "mirrors", "docker.io"),
            {"endpoints": [f"https://u:{MARKED}@r.example"]},
            'site.registry.mirrors["docker.io"].endpoints[0]',
        ),
        (
            ("environments", 0, "extraKernelArgs"),
            [f"talos.config=https://u:{MARKED}@c.example/config"],
            "site.environments[0].extraKernelArgs[0]",
        ),
        (("registry", "endpoints", 0, "ca"), _PRIVATE_KEY, "site.registry.endpoints[0].ca"),
        (
            ("serverClasses", 0, "selector"),
            {"matchLabels": {"password": MARKED}},
            "site.serverClasses[0].selector.matchLabels.password",
        ),
        (
            ("serverClasses", 0, "selector"),
            {"matchLabels": {"AWS_SECRET_ACCESS_KEY": MARKED}},
            "site.serverClasses[0].selector.matchLabels.AWS_SECRET_ACCESS_KEY",
        ),
    ],
)
def test_a_secret_is_refused_at_its_place_without_repeating_it(
    place: tuple[Step, ...], value: object, path: str
) -> None:
    with pytest.raises(SiteError) as caught:
        parsed(changed((place, value)))

    assert [fault.path for fault in caught.value.faults if _COMMAND in fault.hint] == [path]
    assert MARKED not in caught.value.diagnostics()
    assert MARKED not in str(caught.value)


def test_a_secret_is_told_once() -> None:
    assert paths_of(changed((("registry", "password"), MARKED))) == ["site.registry.password"]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("registry", "mirrors"), {f"https://u:{MARKED}@ghcr.io": {}}),
        (("imageFactory", "registry"), f"u:{MARKED}@registry.example"),
        (("registry", "endpoints", 0, "url"), f"https://registry.example?key={MARKED}"),
        (("images",), [f"u:{MARKED}@registry.example/nginx:1"]),
        (("registry", "mirrors", f"u:{MARKED}@ghcr.io"), {"endpoints": ["https://r.example"]}),
        (("nodes", "timeServers"), [f"u:{MARKED}@ntp.example"]),
        (
            ("registry", "mirrors"),
            {
                "a.example": {"endpoints": [f"https://u:{MARKED}@r.example"], "skipVerify": True},
                "b.example": {"endpoints": [f"https://u:{MARKED}@r.example"], "skipVerify": False},
            },
        ),
        (("policy", "allowedHosts"), [f"u:{MARKED}@a.example"]),
    ],
)
def test_user_information_and_queries_are_never_repeated(
    place: tuple[Step, ...], value: object
) -> None:
    faults = faults_of(changed((place, value)))

    assert faults
    assert MARKED not in " ".join(str(fault) for fault in faults)


@pytest.mark.parametrize("site", ["{secure: v1:AAAA}", "{registry: {secure: v1:AAAA}}"])
def test_an_encrypted_value_in_a_stack_file_is_refused(tmp_path: Path, site: str) -> None:
    file = tmp_path / "Pulumi.x.yaml"
    file.write_text(f"config: {{'sidero-airgap:site': {site}}}")

    with pytest.raises(SiteError, match="found an encrypted value") as caught:
        load_site(file)

    assert "AAAA" not in caught.value.diagnostics()


def test_the_engines_word_that_the_site_is_encrypted_is_enough() -> None:
    with pytest.raises(SiteError, match="sidero-airgap:credentials"):
        refuse_secret_site(is_secret=True)


def test_a_site_in_clear_is_not_refused() -> None:
    refuse_secret_site(is_secret=False)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("registry", "nodeAuth"), "machineConfig"),
        (("images",), ["docker.io/library/nginx:1@sha256:" + "0" * 64]),
        (("serverClasses", 0, "selector"), {"matchLabels": {"tokens.example/kind": "a"}}),
        (("serverClasses", 0, "selector"), {"matchLabels": {"secure": "true", "rack": "1"}}),
        (("policy", "levels"), {"no-plain-credentials": "advisory"}),
        (("policy", "levels"), {"node-credentials": "mandatory"}),
    ],
)
def test_what_only_looks_like_a_secret_is_accepted(place: tuple[Step, ...], value: object) -> None:
    assert not faults_of(changed((place, value)))
