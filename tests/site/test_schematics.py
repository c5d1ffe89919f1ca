"""What server classes have a factory make: what cannot be made, and what reaches no machine."""

from __future__ import annotations

import pytest

from airgap.errors import Fault
from airgap.schematic import Schematic, schematic_id
from airgap.site.path import Step
from airgap.site.schematics import class_schematic, factory_release
from tests.site.documents import Raw, changed, faults_of, parsed

CLASS: tuple[Step, ...] = ("serverClasses", 0)
FACTORY = {
    "kind": "existing",
    "version": "v1.5.0",
    "endpoint": "https://factory.example",
    "registry": "registry.example:5000",
}
OVERLAY = {"name": "rpi_generic", "image": "siderolabs/sbc-raspberrypi"}
META = [{"key": 10, "value": "a: b"}]

Edit = tuple[tuple[Step, ...], object]


def _site(*edits: Edit, factory: dict[str, object] | None = None, talos: str = "v1.11.5") -> Raw:
    """Return a site with a factory, whose one class is changed by the edits.

    With SecureBoot keys it is the one that `lock` asks: one factory signs all that machines boot.
    """
    of_release: tuple[Edit, ...] = ()
    if talos != "v1.11.5":
        of_release = (
            (("talos", "versions"), [talos]),
            (("kubernetes", "versions"), []),
            (("environments", 0, "talos"), talos),
        )
    own: tuple[Edit, ...] = ((("upstream", "factory"), {"url": FACTORY["endpoint"]}),)
    asked = own if factory and "secureBoot" in factory else ()
    return changed((("imageFactory",), {**FACTORY, **(factory or {})}), *asked, *of_release, *edits)


def _told(value: Raw) -> dict[str, Fault]:
    return {fault.path.removeprefix("site."): fault for fault in faults_of(value)}


def _class(**keys: object) -> tuple[Edit, ...]:
    return tuple(((*CLASS, key), value) for key, value in keys.items())


def test_a_class_is_a_schematic_with_all_that_it_says_in_the_authors_order() -> None:
    keys = _class(
        extensions=["siderolabs/util-linux-tools", "siderolabs/iscsi-tools"],
        extraKernelArgs=["b=1", "a=1"],
        overlay={**OVERLAY, "options": {"configTxt": "x"}},
        meta=META,
        bootloader="sd-boot",
        secureBoot={"enrollKeys": "force", "includeWellKnownCertificates": True},
        bootAssets=["metal-amd64-secureboot.iso"],
    )
    (item,) = parsed(_site(*keys, factory={"secureBoot": True})).server_classes
    schematic = class_schematic(item)
    custom = schematic.customization
    assert custom.system_extensions.official_extensions == (
        "siderolabs/util-linux-tools",
        "siderolabs/iscsi-tools",
    )
    assert custom.extra_kernel_args == ("b=1", "a=1")
    assert (schematic.overlay.name, schematic.overlay.options) == (
        "rpi_generic",
        {"configTxt": "x"},
    )
    assert [(each.key, each.value) for each in custom.meta] == [(10, "a: b")]
    assert (custom.bootloader, custom.secureboot.enroll_keys) == ("sd-boot", "force")
    assert custom.secureboot.include_well_known_certificates


def test_a_class_that_asks_for_nothing_is_the_empty_schematic() -> None:
    (item,) = parsed(changed()).server_classes
    assert class_schematic(item) == Schematic()
    assert schematic_id(class_schematic(item)).startswith("376567988ad370")  # the published one


def test_secure_boot_alone_is_no_part_of_the_schematic() -> None:
    keys = _class(secureBoot={}, bootAssets=["metal-amd64-secureboot.iso"])
    (item,) = parsed(_site(*keys, factory={"secureBoot": True})).server_classes
    assert class_schematic(item) == Schematic()


def test_the_sites_own_factory_decides_on_ids_before_upstreams() -> None:
    upstream: Edit = (
        ("upstream", "factory"),
        {"url": "https://factory.out.example", "version": "v1.4.0"},
    )
    assert factory_release(parsed(_site(upstream))) == "v1.5.0"
    assert factory_release(parsed(changed(upstream))) == "v1.4.0"
    assert factory_release(parsed(changed())) is None


@pytest.mark.parametrize(
    ("factory", "keys", "path", "words"),
    [
        (
            {"version": "v0.8.4"},
            {"bootloader": "grub", "bootAssets": ["metal-amd64.raw.zst"]},
            "serverClasses[0].bootloader",
            "Image Factory v0.8.4 refuses it: it is known from v0.9.0 on",
        ),
        (
            {"version": "v1.3.3", "secureBoot": True},
            {
                "secureBoot": {"enrollKeys": "off"},
                "bootAssets": ["metal-amd64-secureboot.iso"],
            },
            "serverClasses[0].secureBoot.enrollKeys",
            "known from v1.4.0 on",
        ),
        (
            {"secureBoot": False},
            {"secureBoot": {}, "bootAssets": ["metal-amd64-secureboot.iso"]},
            "serverClasses[0].secureBoot",
            "Image Factory v1.5.0 has no SecureBoot keys",
        ),
        (
            {},
            {"bootAssets": ["vmlinuz-amd64"]},
            "serverClasses[0].bootAssets[0]",
            "no file that an Image Factory makes",
        ),
        (
            {},
            {"bootAssets": ["metal-arm64.iso"]},
            "serverClasses[0].bootAssets[0]",
            "not of the architecture",
        ),
        (
            {},
            {"bootAssets": ["metal-amd64-secureboot.iso"]},
            "serverClasses[0].bootAssets[0]",
            "the class' installer is not",
        ),
    ],
)
def test_what_a_factory_cannot_make_is_a_fault_of_the_key(
    factory: dict[str, object], keys: dict[str, object], path: str, words: str
) -> None:
    told = _told(_site(*_class(**keys), factory=factory))
    assert list(told) == [path]
    assert words in told[path].message
    assert told[path].hint


def test_an_overlay_needs_a_release_that_has_them() -> None:
    told = _told(_site(*_class(overlay=OVERLAY), talos="v1.6.7"))
    assert "it is built from v1.7.0 on" in told["serverClasses[0].overlay.name"].message


def test_a_mirrored_installer_is_judged_by_the_factory_outside() -> None:
    upstream: Edit = (
        ("upstream", "factory"),
        {"url": "https://factory.out.example", "version": "v0.8.4"},
    )
    keys = _class(bootloader="grub", bootAssets=["metal-amd64.raw.zst"])
    told = _told(_site(*keys, upstream, factory={"installer": "mirrored"}))
    assert "Image Factory v0.8.4 refuses it" in told["serverClasses[0].bootloader"].message


def test_an_environment_names_a_class_and_a_file_that_a_factory_makes() -> None:
    environment: tuple[Step, ...] = ("environments", 0)
    told = _told(
        _site(
            (("sidero", "flavour"), "airgap"),
            ((*environment, "schematicOf"), "worker"),
            ((*environment, "bootAsset"), "metal-amd64.img"),
        )
    )
    assert "defined: workers" in told["environments[0].schematicOf"].hint
    assert "no file that an Image Factory makes" in told["environments[0].bootAsset"].message


@pytest.mark.parametrize(
    ("keys", "path", "carrier"),
    [
        ({"meta": META}, "serverClasses[0].meta", "schematicOf: workers"),
        ({"bootloader": "grub"}, "serverClasses[0].bootloader", "metal-amd64.raw.zst"),
        ({"secureBoot": {}}, "serverClasses[0].secureBoot", "metal-amd64-secureboot.iso"),
    ],
)
def test_what_kernel_and_initramfs_do_not_carry_is_a_fault_that_says_what_does(
    keys: dict[str, object], path: str, carrier: str
) -> None:
    told = _told(_site(*_class(**keys), factory={"secureBoot": True}))
    assert list(told) == [path]
    assert "kernel and initramfs of Talos v1.11.5" in told[path].message
    assert carrier in told[path].hint


@pytest.mark.parametrize(
    ("keys", "assets", "is_told"),
    [
        ({"meta": META}, ["metal-amd64.iso"], False),
        ({"meta": META}, ["metal-amd64.raw.zst"], False),
        ({"meta": META}, ["kernel-amd64", "metal-amd64-uki.efi"], True),
        ({"bootloader": "grub"}, ["metal-amd64.raw.zst"], False),
        ({"bootloader": "grub"}, ["metal-amd64.iso"], True),  # from Talos v1.12.0 on
        ({"bootloader": "grub", "secureBoot": {}}, ["metal-amd64-secureboot.iso"], True),
        ({"bootloader": "sd-boot", "secureBoot": {}}, ["metal-amd64-secureboot.iso"], False),
        ({"secureBoot": {}}, ["metal-amd64-secureboot.raw.zst"], False),
        ({"secureBoot": {}}, ["metal-amd64.iso"], True),
    ],
)
def test_a_disk_image_or_an_iso_of_the_class_carries_the_rest(
    keys: dict[str, object], assets: list[str], is_told: bool
) -> None:
    site = _site(*_class(**keys, bootAssets=assets), factory={"secureBoot": True})
    assert bool(_told(site)) is is_told


def test_an_environment_of_the_class_carries_meta_by_its_kernel_arguments() -> None:
    environment: tuple[Step, ...] = ("environments", 0)
    own: Edit = ((*environment, "schematicOf"), "workers")
    assert _told(_site(*_class(meta=META), own)) == {}
    other: Edit = (
        ("serverClasses",),
        [
            {"name": "workers", "environment": "talos-1-11-5-amd64", "meta": META},
            {"name": "others", "environment": "talos-1-11-5-amd64"},
        ],
    )
    of_other: Edit = ((*environment, "schematicOf"), "others")
    message = _told(_site(other, of_other))["serverClasses[0].meta"].message
    assert "kernel and initramfs of schematicOf others" in message


def test_an_equal_schematic_of_another_class_carries_it_as_well() -> None:
    classes = [
        {"name": name, "environment": "talos-1-11-5-amd64", "meta": META} for name in ("a", "b")
    ]
    site = _site((("serverClasses",), classes), (("environments", 0, "schematicOf"), "b"))
    assert _told(site) == {}


def test_a_disk_image_that_is_booted_carries_the_boot_loader() -> None:
    environment: tuple[Step, ...] = ("environments", 0)
    booted: tuple[Edit, ...] = (
        (("sidero", "flavour"), "airgap"),
        ((*environment, "schematicOf"), "workers"),
        ((*environment, "bootAsset"), "metal-amd64.raw.zst"),
    )
    assert _told(_site(*_class(bootloader="sd-boot"), *booted)) == {}


@pytest.mark.parametrize(
    ("talos", "keys", "is_told"),
    [
        ("v1.9.5", {}, True),
        ("v1.9.5", {"bootAssets": ["metal-amd64.iso"]}, True),  # it installs an installer
        ("v1.9.5", {"bootAssets": ["metal-amd64.raw.zst"]}, False),
        ("v1.11.5", {}, False),
    ],
)
def test_arguments_that_an_installer_does_not_carry_are_a_fault(
    talos: str, keys: dict[str, object], is_told: bool
) -> None:
    site = _site(*_class(extraKernelArgs=["nomodeset"], **keys), talos=talos)
    told = {path: fault for path, fault in _told(site).items() if "extraKernelArgs" in path}
    assert bool(told) is is_told
    for fault in told.values():
        assert "an installer of Talos v1.9.5 carries none" in fault.message
        assert "machine.install.extraKernelArgs" in fault.hint


def test_one_factory_drops_arguments_beside_an_overlay() -> None:
    keys = _class(extraKernelArgs=["nomodeset"], overlay=OVERLAY)
    told = _told(_site(*keys, factory={"version": "v0.9.0"}))
    fault = told["serverClasses[0].extraKernelArgs"]
    assert "Image Factory v0.9.0 with an overlay" in fault.message
    assert "Image Factory v1.0.0 or later" in fault.hint


def test_all_faults_are_told_at_once_also_beside_a_word_that_is_none_of_the_model() -> None:
    classes = [
        {"name": "a", "environment": "talos-1-11-5-amd64", "bootloader": "lilo", "meta": META},
        {"name": "b", "environment": "talos-1-11-5-amd64", "meta": META, "bootloader": "grub"},
    ]
    told = _told(_site((("serverClasses",), classes)))
    assert set(told) == {
        "serverClasses[0].bootloader",
        "serverClasses[1].meta",
        "serverClasses[1].bootloader",
    }


def test_text_that_the_factory_cannot_read_back_is_a_fault_of_its_place() -> None:
    meta = [*META, {"key": 11, "value": " a\nb"}]
    told = _told(_site(*_class(meta=meta, bootAssets=["metal-amd64.iso"])))
    assert "cannot read it back" in told["serverClasses[0].meta[1]"].message


# Whose keys: a factory signs with its own, and firmware takes those that it has enrolled

ISO = "metal-amd64-secureboot.iso"
SIGNED = _class(secureBoot={}, bootAssets=[ISO])
KEYS: dict[str, object] = {"secureBoot": True}
OUTSIDE: Raw = {"url": "https://factory.corp.example"}


def _asking(factory: object, *edits: Edit, **of_site: object) -> Raw:
    """Return a site of SecureBoot machines that has this factory asked by `lock`."""
    return _site((("upstream", "factory"), factory), *edits, factory={**KEYS, **of_site})


@pytest.mark.parametrize("asked", [OUTSIDE, "https://factory.example:8443", None])
def test_an_iso_of_another_factory_than_the_installers_is_refused(asked: object) -> None:
    (told,) = _told(_asking(asked, *SIGNED)).items()
    path, fault = told
    assert path == "serverClasses[0].bootAssets[0]"
    assert "signed with the keys of the factory that lock asks" in fault.message
    for way in (
        "imageFactory.installer: mirrored",
        "upstream.factory: https://factory.example",
        "sameSecureBootKeys: true",
    ):
        assert way in fault.hint


@pytest.mark.parametrize(
    ("asked", "factory"),
    [
        (OUTSIDE, {"installer": "mirrored"}),  # one factory outside makes both
        ("https://factory.example", {}),  # one inside does
        ("https://FACTORY.example:443/", {}),
        ({**OUTSIDE, "sameSecureBootKeys": True}, {}),  # the author says so
    ],
)
def test_one_factorys_keys_for_both_are_taken(asked: object, factory: dict[str, object]) -> None:
    told = _told(_asking(asked, *SIGNED, **factory))
    assert [path for path in told if "bootAssets" in path] == []


def test_a_booted_disk_image_is_held_to_the_same_keys() -> None:
    environment: tuple[Step, ...] = ("environments", 0)
    booted: tuple[Edit, ...] = (
        (("sidero", "flavour"), "airgap"),
        ((*environment, "schematicOf"), "workers"),
        ((*environment, "bootAsset"), "metal-amd64-secureboot.raw.zst"),
        *_class(secureBoot={}),
    )
    assert list(_told(_asking(OUTSIDE, *booted))) == ["environments[0].bootAsset"]
    assert _told(_asking("https://factory.example", *booted)) == {}


def test_the_sites_own_factory_has_no_keys_for_lock_either() -> None:
    """Asked by `lock`, it is of the release and has the keys that the site says it has."""
    own = FACTORY["endpoint"]
    keyless = _told(_site((("upstream", "factory"), own), *SIGNED, factory={"secureBoot": False}))
    assert "has no SecureBoot keys" in keyless["serverClasses[0].secureBoot"].message
