"""The simulated manager against Sidero Metal v0.6.13 (environment_controller, ipxe, metadata)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from lab.crds import ApiError
from lab.releases import Release, Releases
from lab.sidero import Sidero
from lab.tls import Authority

_TAG = "v1.11.5"
_UUID = "4c4c4544-0039-3010-804e-c4c04f4e3133"
_SHA512 = "0" * 128
_BOOTSTRAP = "version: v1alpha1\nmachine:\n  type: worker\n  install:\n    disk: /dev/sda\n"


@pytest.fixture
def mirror(authority: Authority) -> Iterator[Releases]:
    """An asset mirror with a private certificate."""
    release = Release(_TAG, kernel_bytes=3000, initramfs_bytes=9000)
    with Releases([release], certificate=authority.issue()) as started:
        yield started


@pytest.fixture
def sidero(tmp_path: Path, authority: Authority) -> Iterator[Sidero]:
    with Sidero(tmp_path / "pod", ca_bundle=authority.ca_file) as started:
        yield started
        assert started.crashes == []


def _url(mirror: Releases, name: str) -> str:
    return f"{mirror.url}/siderolabs/talos/releases/download/{_TAG}/{name}"


def _environment(
    mirror: Releases, *, kernel: str = "vmlinuz-amd64", initrd: str = "initramfs-amd64.xz"
) -> dict[str, object]:
    return {
        "apiVersion": "metal.sidero.dev/v1alpha2",
        "kind": "Environment",
        "metadata": {"name": "talos"},
        "spec": {
            "kernel": {
                "url": _url(mirror, kernel),
                "sha512": _SHA512,
                "args": ["talos.platform=metal", "initrd=initramfs.xz"],
            },
            "initrd": {"url": _url(mirror, initrd), "sha512": _SHA512},
        },
    }


def _server_class(**spec: object) -> dict[str, object]:
    return {
        "apiVersion": "metal.sidero.dev/v1alpha2",
        "kind": "ServerClass",
        "metadata": {"name": "gpu"},
        "spec": spec,
    }


def _server(**spec: object) -> dict[str, object]:
    return {
        "apiVersion": "metal.sidero.dev/v1alpha2",
        "kind": "Server",
        "metadata": {"name": _UUID},
        "spec": {"accepted": True, **spec},
    }


def _expected(mirror: Releases, name: str) -> bytes:
    content = mirror.release(_TAG).find(name)
    assert content is not None
    return content


# The controller


def test_assets_are_downloaded_and_their_urls_become_ready(
    sidero: Sidero, mirror: Releases
) -> None:
    """No `sha512` is compared: the one given is wrong, and nobody minds."""
    sidero.apply(_environment(mirror))
    assert set(sidero.reconcile()) == {"default"}
    assert sidero.asset_file("talos", "vmlinuz").read_bytes() == _expected(mirror, "vmlinuz-amd64")
    assert sidero.find("Environment", "talos")["status"] == {
        "conditions": [
            {"url": _url(mirror, name), "sha512": _SHA512, "status": "True", "type": "Ready"}
            for name in ("vmlinuz-amd64", "initramfs-amd64.xz")
        ]
    }


def test_default_points_to_github_and_fails_without_internet(sidero: Sidero) -> None:
    assert "github.com" in sidero.reconcile()["default"]
    assert sidero.downloads.egress == [
        "https://github.com/siderolabs/talos/releases/download/v1.13.0/vmlinuz-amd64"
    ]


def test_a_deleted_default_comes_back(sidero: Sidero) -> None:
    sidero.delete("Environment", "default")
    spec = sidero.find("Environment", "default")["spec"]
    assert "github.com" in str(spec)


def test_changed_bytes_at_the_same_url_are_never_fetched(sidero: Sidero, mirror: Releases) -> None:
    sidero.apply(_environment(mirror))
    sidero.reconcile()
    mirror.release(_TAG).put("vmlinuz-amd64", b"new kernel")
    mirror.requests.clear()
    sidero.reconcile()
    assert len(mirror.requests) == 0
    assert sidero.asset_file("talos", "vmlinuz").stat().st_size == 3000


def test_a_shorter_file_keeps_the_tail_of_its_predecessor(sidero: Sidero, mirror: Releases) -> None:
    """O_CREATE|O_WRONLY without O_TRUNC."""
    sidero.apply(_environment(mirror))
    sidero.reconcile()
    before = _expected(mirror, "initramfs-amd64.xz")
    mirror.release(_TAG).put("initramfs-small.xz", b"small")
    sidero.apply(_environment(mirror, initrd="initramfs-small.xz"))
    sidero.reconcile()
    assert sidero.asset_file("talos", "initramfs.xz").read_bytes() == b"small" + before[5:]


def test_a_cut_download_leaves_a_part_under_the_final_name_and_no_status(
    sidero: Sidero, mirror: Releases
) -> None:
    mirror.faults.add("asset/.*/initramfs-amd64.xz", truncate_to=100)
    sidero.apply(_environment(mirror))
    assert "talos" in sidero.reconcile()
    assert sidero.asset_file("talos", "initramfs.xz").stat().st_size == 100
    assert "status" not in sidero.find("Environment", "talos")
    assert "talos" not in sidero.reconcile()
    content = sidero.asset_file("talos", "initramfs.xz").read_bytes()
    assert content == _expected(mirror, "initramfs-amd64.xz")


def test_a_restarted_pod_fetches_again(sidero: Sidero, mirror: Releases) -> None:
    sidero.apply(_environment(mirror))
    sidero.reconcile()
    sidero.restart_pod()
    assert not sidero.asset_file("talos", "vmlinuz").exists()
    sidero.reconcile()
    assert sidero.asset_file("talos", "vmlinuz").exists()


def test_only_the_systems_authorities_are_trusted(tmp_path: Path, mirror: Releases) -> None:
    sidero = Sidero(tmp_path / "pod")
    sidero.apply(_environment(mirror))
    assert "CERTIFICATE_VERIFY_FAILED" in sidero.reconcile()["talos"]


def test_a_download_has_a_time_limit(
    tmp_path: Path, authority: Authority, mirror: Releases
) -> None:
    """Five minutes for the real one."""
    sidero = Sidero(tmp_path / "pod", ca_bundle=authority.ca_file, download_limit_s=0.2)
    mirror.faults.add("/vmlinuz-amd64", delay_s=0.4)
    sidero.apply(_environment(mirror))
    assert "talos" in sidero.reconcile()


@pytest.mark.parametrize("status", [404, 500])
def test_anything_but_success_is_an_error(sidero: Sidero, mirror: Releases, status: int) -> None:
    mirror.faults.add("/vmlinuz-amd64", status=status)
    sidero.apply(_environment(mirror))
    assert str(status) in sidero.reconcile()["talos"]


def test_a_login_page_is_taken_for_a_kernel(sidero: Sidero, mirror: Releases) -> None:
    mirror.faults.add_login_page("/vmlinuz-amd64")
    sidero.apply(_environment(mirror))
    assert "talos" not in sidero.reconcile()
    assert sidero.asset_file("talos", "vmlinuz").read_bytes().startswith(b"<!DOCTYPE html>")


def test_both_urls_are_mandatory(sidero: Sidero, mirror: Releases) -> None:
    environment = _environment(mirror)
    environment["spec"] = {"kernel": {"url": _url(mirror, "vmlinuz-amd64")}}
    sidero.apply(environment)
    assert sidero.reconcile()["talos"] == "missing URL"


# The Kubernetes side


def test_fields_of_the_fork_vanish_from_stock_objects(sidero: Sidero, mirror: Releases) -> None:
    """Seen with a real API server: Strict gives 400 with these names, else they are dropped."""
    environment = _environment(mirror)
    spec = environment["spec"]
    assert isinstance(spec, dict)
    spec |= {"airGap": {"enabled": True}, "bootAsset": {"url": "x"}}
    sidero.apply(environment)
    assert set(yaml.safe_load(yaml.safe_dump(sidero.find("Environment", "talos")["spec"]))) == {
        "kernel",
        "initrd",
    }
    with pytest.raises(ApiError, match=r'unknown field "spec\.airGap", unknown field "spec\.bootA'):
        sidero.apply(environment, strict=True)


def test_strategic_patches_need_v1alpha2(sidero: Sidero) -> None:
    old = {**_server_class(strategicPatches=["a: 1"]), "apiVersion": "metal.sidero.dev/v1alpha1"}
    with pytest.raises(ApiError, match=r"spec\.strategicPatches"):
        sidero.apply(old, strict=True)
    sidero.apply(_server_class(strategicPatches=["a: 1"]), strict=True)


def test_files_are_applied_and_foreign_objects_left_alone(
    sidero: Sidero, mirror: Releases, tmp_path: Path
) -> None:
    directory = tmp_path / "out"
    directory.mkdir()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    documents = [secret, _environment(mirror), _server_class(qualifiers={})]
    (directory / "a.yaml").write_text(yaml.safe_dump_all(documents))
    assert sidero.apply_files(directory) == ["Environment/talos", "ServerClass/gpu"]


def test_default_is_merged_into_as_kubectl_patch_does(sidero: Sidero, tmp_path: Path) -> None:
    """RFC 7386: mappings merge, lists are replaced, null removes."""
    (tmp_path / "default-environment.patch.yaml").write_text(
        "spec: {kernel: {url: https://a.example/k, args: [a=b]}, initrd: {url: null}}"
    )
    assert sidero.apply_files(tmp_path, strict=True) == ["Environment/default"]
    assert sidero.find("Environment", "default")["spec"] == {
        "kernel": {"url": "https://a.example/k", "args": ["a=b"]},
        "initrd": {},
    }
    with pytest.raises(KeyError):
        sidero.patch("Environment", "never-made", {})


# What a booting server asks


def _ipxe(http: httpx.Client, sidero: Sidero, **query: str) -> httpx.Response:
    return http.get(f"{sidero.url}/ipxe", params={"uuid": _UUID, **query})


def _ready(sidero: Sidero, mirror: Releases) -> None:
    sidero.apply(_environment(mirror))
    sidero.apply(_server_class(environmentRef={"name": "talos"}))
    sidero.bind(_UUID, server_class="gpu", bootstrap=_BOOTSTRAP)


def test_the_boot_script_chains_to_ipxe(sidero: Sidero, http: httpx.Client) -> None:
    script = http.get(f"{sidero.url}/boot.ipxe").text
    assert script.startswith("#!ipxe\n")
    assert "ipxe?uuid=${uuid}&mac=" in script


def test_an_unknown_server_gets_the_agent_of_its_architecture(
    sidero: Sidero, http: httpx.Client
) -> None:
    assert "kernel /env/agent-arm64/vmlinuz " in _ipxe(http, sidero, arch="arm64").text
    assert "kernel /env/agent-amd64/vmlinuz " in _ipxe(http, sidero, arch="i386").text
    assert http.get(f"{sidero.url}/env/agent-amd64/vmlinuz").status_code == 200


def test_an_environment_that_is_not_ready_is_a_412(
    sidero: Sidero, mirror: Releases, http: httpx.Client
) -> None:
    _ready(sidero, mirror)
    assert _ipxe(http, sidero).status_code == 412
    sidero.reconcile()
    assert _ipxe(http, sidero).status_code == 200


def test_the_script_has_the_environments_arguments_and_sideros_own(
    sidero: Sidero, mirror: Releases, http: httpx.Client
) -> None:
    _ready(sidero, mirror)
    sidero.reconcile()
    lines = _ipxe(http, sidero).text.splitlines()
    assert lines[0] == "#!ipxe"
    kernel, *arguments = lines[1].split()[1:]
    assert kernel == "/env/talos/vmlinuz"
    assert arguments[:3] == [
        "talos.platform=metal",
        "initrd=initramfs.xz",
        f"talos.config={sidero.url}/configdata?uuid=",
    ]
    names = [argument.partition("=")[0] for argument in arguments[3:]]
    assert names == ["siderolink.api", "talos.logging.kernel", "talos.events.sink"]
    assert lines[2:] == ["initrd /env/talos/initramfs.xz", "boot"]
    served = http.get(f"{sidero.url}/env/talos/initramfs.xz")
    assert served.content == _expected(mirror, "initramfs-amd64.xz")


def test_an_argument_that_is_there_is_not_appended(
    sidero: Sidero, mirror: Releases, http: httpx.Client
) -> None:
    _ready(sidero, mirror)
    environment = _environment(mirror)
    spec = environment["spec"]
    assert isinstance(spec, dict)
    spec["kernel"]["args"].append("talos.config=https://elsewhere.example/")
    sidero.apply(environment)
    sidero.reconcile()
    assert _ipxe(http, sidero).text.count("talos.config=") == 1


def test_a_servers_environment_wins_over_its_classes_and_default_is_last(
    sidero: Sidero, mirror: Releases, http: httpx.Client
) -> None:
    _ready(sidero, mirror)
    sidero.reconcile()
    own = {**_environment(mirror), "metadata": {"name": "own"}}
    sidero.apply(own)
    sidero.reconcile()
    sidero.apply(_server(environmentRef={"name": "own"}, pxeBootAlways=True))
    assert "/env/own/vmlinuz" in _ipxe(http, sidero).text
    sidero.apply(_server(pxeBootAlways=True))
    assert "/env/talos/vmlinuz" in _ipxe(http, sidero).text
    sidero.apply(_server_class(qualifiers={}))
    refused = _ipxe(http, sidero)
    assert (refused.status_code, "default" in refused.text) == (412, True)


def test_a_server_that_booted_goes_to_its_disk_unless_it_always_uses_pxe(
    sidero: Sidero, mirror: Releases, http: httpx.Client
) -> None:
    _ready(sidero, mirror)
    sidero.reconcile()
    assert "kernel" in _ipxe(http, sidero).text
    assert _ipxe(http, sidero).text == "#!ipxe\nexit\n"
    sidero.apply(_server(bootFromDiskMethod="http-404"))
    assert _ipxe(http, sidero).status_code == 404
    sidero.apply(_server(pxeBootAlways=True))
    assert "kernel" in _ipxe(http, sidero).text


# Metadata


def _config(http: httpx.Client, sidero: Sidero) -> list[dict[str, object]]:
    answer = http.get(f"{sidero.url}/configdata", params={"uuid": _UUID})
    assert answer.status_code == 200, answer.text
    return list(yaml.safe_load_all(answer.text))


def test_patches_are_applied_in_order_and_three_documents_are_added(
    sidero: Sidero, http: httpx.Client
) -> None:
    """Class before server; JSON patches before strategic ones; the node label last."""

    def disk(value: str) -> list[dict[str, str]]:
        return [{"op": "replace", "path": "/machine/install/disk", "value": value}]

    def patch(value: str) -> list[str]:
        return [f"machine:\n  certSANs: [{value}]\n"]

    sidero.apply(_server_class(configPatches=disk("class"), strategicPatches=patch("class")))
    sidero.apply(_server(configPatches=disk("server"), strategicPatches=patch("server")))
    sidero.bind(_UUID, server_class="gpu", bootstrap=_BOOTSTRAP)
    machine, *documents = _config(http, sidero)
    assert machine["machine"] == {
        "type": "worker",
        "install": {"disk": "server"},
        "certSANs": ["class", "server"],
        "kubelet": {"extraArgs": {"node-labels": f"metal.sidero.dev/uuid={_UUID}"}},
    }
    kinds = [document["kind"] for document in documents]
    assert kinds == ["SideroLinkConfig", "EventSinkConfig", "KmsgLogConfig"]
    assert documents[0]["apiUrl"] == f"grpc://{sidero.host}"


def test_before_0_6_12_nothing_is_added(tmp_path: Path, http: httpx.Client) -> None:
    with Sidero(tmp_path / "pod", version="v0.6.11") as sidero:
        sidero.apply(_server_class())
        sidero.bind(_UUID, server_class="gpu", bootstrap=_BOOTSTRAP)
        assert len(_config(http, sidero)) == 1


def test_a_document_from_a_strategic_patch_breaks_the_servers_json_patches(
    sidero: Sidero, http: httpx.Client
) -> None:
    document = "apiVersion: v1alpha1\nkind: RegistryMirrorConfig\nname: ghcr.io\n"
    sidero.apply(_server_class(strategicPatches=[document]))
    sidero.bind(_UUID, server_class="gpu", bootstrap=_BOOTSTRAP)
    assert "RegistryMirrorConfig" in [item.get("kind") for item in _config(http, sidero)]
    sidero.apply(_server(configPatches=[{"op": "remove", "path": "/machine/install"}]))
    refused = http.get(f"{sidero.url}/configdata", params={"uuid": _UUID})
    assert refused.status_code == 500
    assert "JSON6902 patches are not supported for multi-document" in refused.text


def test_a_kind_newer_than_sideros_machinery_is_a_500(sidero: Sidero, http: httpx.Client) -> None:
    """`ImageCacheConfig` is of Talos 1.14; Sidero v0.6.13 holds machinery 1.13."""
    newer = "apiVersion: v1alpha1\nkind: ImageCacheConfig\nlocal: {enabled: true}\n"
    sidero.apply(_server_class(strategicPatches=[newer]))
    sidero.bind(_UUID, server_class="gpu", bootstrap=_BOOTSTRAP)
    assert http.get(f"{sidero.url}/configdata?uuid={_UUID}").status_code == 500


def test_who_is_not_allocated_gets_no_configuration(sidero: Sidero, http: httpx.Client) -> None:
    assert http.get(f"{sidero.url}/configdata?uuid=").status_code == 500
    assert http.get(f"{sidero.url}/configdata?uuid={_UUID}").status_code == 404
