"""Boot assets, boot scripts and the registry frontend: real Image Factory v1.0.3 and practice one.

The catalogue is made by the test, so a kernel is a few hundred bytes. Kernels and command lines the
real factory makes by itself; for everything else its container image has programs beside it (cpio,
mksquashfs, xorriso, …) that are not here, so of those only what is asked before the build is held.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.peers.factorycatalogue import RELEASE, VERSIONS, imager_file
from tests.peers.factorysubjects import EXTERNAL_URL, KINDS, Subject, start_subject
from tools.peers import Peers

pytestmark = pytest.mark.peers

_NOBODY = "0" * 64
_PARSING = "error parsing profile from path: "
_ENHANCING = "error enhancing profile from schematic: "
_NOT_FOUND = f'schematic ID "{_NOBODY}" not found'
_V1_11_ARGS = (
    "init_on_alloc=1 slab_nomerge pti=on consoleblank=0 nvme_core.io_timeout=4294967295 "
    "printk.devkmsg=on selinux=1"
)
_CUSTOM = {
    "extraKernelArgs": [
        *("console=ttyS1", "console=ttyS2,115200", "net.ifnames=0", "-pti", "-init_on_alloc=1"),
        *("quiet", "printk.devkmsg=off", "a b", "-", "-never.there", "-selinux=0"),
    ],
    "meta": [{"key": 10, "value": "x: y"}, {"key": 255, "value": "z"}],
}


@pytest.fixture(scope="module", params=KINDS)
def subject(
    request: pytest.FixtureRequest, peers: Peers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Subject]:
    """A factory with a catalogue; nothing that one test makes disturbs another."""
    with start_subject(request.param, peers, tmp_path_factory.mktemp("factory")) as started:
        yield started


@pytest.fixture(scope="module")
def empty(subject: Subject) -> str:
    """The ID of the empty schematic, registered."""
    return subject.register("{}")


def _custom(**customization: object) -> str:
    return json.dumps({"customization": customization})


# Boot assets


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_the_kernel_is_the_imagers(subject: Subject, empty: str, arch: str) -> None:
    answer = subject.http.get(f"/image/{empty}/{RELEASE}/kernel-{arch}")
    assert (answer.status_code, answer.content) == (200, imager_file(arch, "vmlinuz"))


def test_an_asset_has_a_length_and_a_name_and_nothing_to_resume_by(
    subject: Subject, empty: str
) -> None:
    path = f"/image/{empty}/{RELEASE}/kernel-amd64"
    size = str(len(imager_file("amd64", "vmlinuz")))
    whole, head = subject.http.get(path), subject.http.head(path)
    ranged = subject.http.get(path, headers={"Range": "bytes=1-5", "If-None-Match": "*"})
    for answer in (whole, head, ranged):
        assert (answer.status_code, answer.headers["Content-Length"]) == (200, size)
        assert answer.headers["Content-Disposition"] == 'attachment; filename="kernel-amd64"'
        assert not {"etag", "last-modified", "accept-ranges"} & {*answer.headers}
    assert ranged.content == whole.content
    named = subject.http.get(path, params={"filename": "vmlinuz"})
    assert named.headers["Content-Disposition"] == 'attachment; filename="vmlinuz"'


def test_command_lines_are_the_releases(subject: Subject, empty: str) -> None:
    """Verbatim for one, and no line of them ends in a line break."""
    line = subject.http.get(f"/image/{empty}/{RELEASE}/cmdline-metal-amd64").text
    assert line == f"talos.platform=metal console=tty0 {_V1_11_ARGS}"
    line = subject.http.get(f"/image/{empty}/{RELEASE}/cmdline-metal-arm64").text
    assert line == f"talos.platform=metal console=ttyAMA0 console=tty0 {_V1_11_ARGS}"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_command_line_has_the_schematics_arguments_in_it(subject: Subject, version: str) -> None:
    """Once: whoever boots with it must not add them again. META goes as an environment variable."""
    identity = subject.register(_custom(**_CUSTOM))
    line = subject.http.get(f"/image/{identity}/{version}/cmdline-metal-amd64").text.split()
    assert line == _expected_line(version)


def _expected_line(version: str) -> list[str]:
    """Return what Talos' imager makes of `_CUSTOM` (machinery `kernel`, `imager/quirks`)."""
    minor = int(version.split(".")[1])
    selinux = ["selinux=1"] if minor >= 10 else []
    ima = ["ima_template=ima-ng", "ima_appraise=fix", "ima_hash=sha512"] if minor <= 10 else []
    return [
        *("talos.platform=metal", "console=ttyS1", "console=ttyS2,115200", "slab_nomerge"),
        *("consoleblank=0", "nvme_core.io_timeout=4294967295"),
        *("printk.devkmsg=on", "printk.devkmsg=off"),
        *ima,
        *selinux,
        *(["module.sig_enforce=1"] if minor >= 12 else []),
        *(["proc_mem.force_override=never"] if minor >= 13 else []),
        "talos.environment=INSTALLER_META_BASE64=MHhhPXg6IHk7MHhmZj16",  # 0xa=x: y;0xff=z
        *("net.ifnames=0", "quiet", "a", "b", "-"),
    ]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("vmlinuz-amd64", f'{_PARSING}invalid profile path: "vmlinuz-amd64"'),
        ("kernel-mips", f'{_PARSING}invalid architecture: "mips"'),
        ("kernel-amd64.sha512", f'{_PARSING}invalid architecture: "amd64.sha512"'),
        ("metal.iso", f'{_PARSING}invalid platform-arch: "metal"'),
        ("metal-amd64.img", f'{_PARSING}invalid profile path: "metal-amd64.img"'),
        ("metal-amd64.img.xz", f'{_PARSING}invalid profile path: "metal-amd64.img"'),
        ("metal-mips.raw.zst", f'{_PARSING}invalid architecture: "mips"'),
        ("metal-amd64-secureboot.iso", f"{_ENHANCING}secure boot is disabled"),
        ("metal-amd64-secureboot-uki.efi", f"{_ENHANCING}secure boot is disabled"),
        ("metal-amd64-secureboot.raw.zst", f"{_ENHANCING}secure boot is disabled"),
        ("installer-amd64-secureboot.tar", f"{_ENHANCING}secure boot is disabled"),
        ("metal-installer-amd64-secureboot.tar", f"{_ENHANCING}secure boot is disabled"),
    ],
)
def test_a_path_is_refused_in_these_words(
    subject: Subject, empty: str, path: str, text: str
) -> None:
    """At this release a checksum is no feature of an enterprise edition (402), but no asset."""
    answer = subject.http.get(f"/image/{empty}/{RELEASE}/{path}")
    assert (answer.status_code, answer.text) == (400, f"{text}\n")


@pytest.mark.parametrize(
    ("asset", "body", "text"),
    [
        (
            "initramfs-amd64.xz",
            _custom(systemExtensions={"officialExtensions": ["siderolabs/nope"]}),
            'official extension "siderolabs/nope" is not available for Talos version v1.11.5',
        ),
        (
            "metal-arm64.raw.xz",
            json.dumps({"overlay": {"name": "nope", "image": "siderolabs/sbc-rockchip"}}),
            'official overlay {"" "" ""} is not available for Talos version v1.11.5',
        ),
    ],
)
def test_what_the_release_does_not_have_fails_at_the_build(
    subject: Subject, asset: str, body: str, text: str
) -> None:
    identity = subject.register(body)
    answer = subject.http.get(f"/image/{identity}/{RELEASE}/{asset}")
    assert (answer.status_code, answer.text) == (400, f"{_ENHANCING}{text}\n")
    kernel = subject.http.get(f"/image/{identity}/{RELEASE}/kernel-amd64")
    assert kernel.status_code == 200, "a kernel has nothing of either"


def test_an_overlay_needs_a_release_that_has_overlays(subject: Subject) -> None:
    identity = subject.register("overlay: {name: rock5b, image: siderolabs/sbc-rockchip}")
    answer = subject.http.get(f"/image/{identity}/v1.6.7/kernel-arm64")
    text = f"{_ENHANCING}overlay is not supported for Talos version v1.6.7\n"
    assert (answer.status_code, answer.text) == (400, text)


def test_unknown_schematics_and_versions_are_404s(subject: Subject, empty: str) -> None:
    asset = subject.http.get(f"/image/{_NOBODY}/{RELEASE}/kernel-amd64")
    assert (asset.status_code, asset.text) == (404, f"{_NOT_FOUND}\n")
    version = subject.http.get(f"/image/{empty}/v9.9.9/kernel-amd64")
    text = "failed to get kernel: version 9.9.9 is not available\n"
    assert (version.status_code, version.text) == (404, text)
    extensions = _custom(systemExtensions={"officialExtensions": ["siderolabs/gvisor"]})
    extended = subject.http.get(f"/image/{subject.register(extensions)}/v9.9.9/initramfs-amd64.xz")
    text = f"{_ENHANCING}error getting official extensions: version 9.9.9 is not available\n"
    assert (extended.status_code, extended.text) == (404, text)
    malformed = subject.http.get(f"/image/{empty}/latest/kernel-amd64")
    assert (malformed.status_code, malformed.text) == (500, "internal server error\n")


@pytest.mark.parametrize(
    ("name", "body", "asset"),
    [
        (
            "siderolabs/gvisor",
            _custom(systemExtensions={"officialExtensions": ["siderolabs/gvisor"]}),
            "initramfs-amd64.xz",
        ),
        ("siderolabs/sbc-rockchip", "overlay: {name: turingrk1, image: x}", "initramfs-arm64.xz"),
        ("siderolabs/installer-base", _custom(extraKernelArgs=["one"]), "installer-amd64.tar"),
    ],
)
def test_a_missing_image_is_a_bare_500(subject: Subject, name: str, body: str, asset: str) -> None:
    """Each is asked for before the build, so the real one says so without its programs."""
    _remove(subject, name)
    identity = subject.register(body)
    subject.registry.requests.clear()
    answer = subject.http.get(f"/image/{identity}/{RELEASE}/{asset}")
    assert (answer.status_code, answer.text) == (500, "internal server error\n")
    asked = subject.registry.requests.select(path=f"/v2/{name}/manifests/")
    assert [each.status for each in asked][-1:] == [404]


def _remove(subject: Subject, name: str) -> None:
    repository = subject.registry.content.repository(name)
    assert repository is not None
    for digest in [*repository.manifests]:
        subject.registry.content.remove_manifest(name, digest)


# Boot scripts


def test_a_boot_script_is_this_text(subject: Subject) -> None:
    identity = subject.register(_custom(extraKernelArgs=["net.ifnames=0"]))
    base = f"{EXTERNAL_URL}/image/{identity}/{RELEASE}"
    line = f"talos.platform=metal console=tty0 {_V1_11_ARGS} net.ifnames=0"
    script = (
        f"#!ipxe\n\nimgfree\nkernel {base}/kernel-amd64 {line}\n"
        f"initrd {base}/initramfs-amd64.xz\nboot\n"
    )
    for version in (RELEASE, RELEASE.removeprefix("v")):
        for arch in ("amd64", "x86_64", "i386"):
            answer = subject.http.get(f"/pxe/{identity}/{version}/metal-{arch}")
            assert (answer.status_code, answer.text) == (200, script)
    secure = subject.http.get(f"/pxe/{identity}/{RELEASE}/metal-amd64-secureboot")
    assert (secure.status_code, secure.text) == (400, f"{_ENHANCING}secure boot is disabled\n")


# Installers


def test_the_registry_frontend_answers_pings(subject: Subject) -> None:
    for path in ("/v2", "/v2/"):
        answer = subject.http.get(path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert "Docker-Distribution-Api-Version" not in answer.headers


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("uninstaller/{}/manifests/v1.11.5", 400, "invalid image: uninstaller"),
        ("installer/" + _NOBODY + "/manifests/v1.11.5", 404, _NOT_FOUND),
        ("installer/" + _NOBODY + "/blobs/sha256:" + _NOBODY, 404, _NOT_FOUND),
        ("installer-secureboot/{}/manifests/v1.11.5", 400, f"{_ENHANCING}secure boot is disabled"),
        ("installer/{}/manifests/v1", 500, "internal server error"),
        (
            "metal-installer/{}/manifests/v9.9.9",
            404,
            f"{_ENHANCING}failed to get base installer: version 9.9.9 is not available",
        ),
    ],
)
def test_an_installer_is_refused_in_these_words(
    subject: Subject, empty: str, path: str, status: int, text: str
) -> None:
    answer = subject.http.get(f"/v2/{path.format(empty)}")
    assert (answer.status_code, answer.text) == (status, f"{text}\n")


def test_a_reference_that_is_no_version_is_passed_on_to_the_registry(
    subject: Subject, empty: str
) -> None:
    """`latest` too, before v1.2.0; and core images are not served before v1.5.0."""
    for reference in ("latest", f"sha256:{_NOBODY}"):
        answer = subject.http.get(f"/v2/installer/{empty}/manifests/{reference}")
        assert answer.status_code == 404
        assert answer.json()["errors"][0]["code"] in ("NAME_UNKNOWN", "MANIFEST_UNKNOWN")
    core = subject.http.get(f"/v2/siderolabs/imager/manifests/{RELEASE}")
    assert (core.status_code, core.text) == (404, 'schematic ID "imager" not found\n')
