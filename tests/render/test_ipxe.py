"""iPXE scripts: commands as https://ipxe.org/cmd has them."""

from __future__ import annotations

from airgap.render import render_ipxe

KERNEL = "http://a.example/talos/v1.11.5/0123456789abcdef/vmlinuz-amd64"
INITRAMFS = "http://a.example/talos/v1.11.5/fedcba9876543210/initramfs-amd64.xz"
ARGUMENTS = ("console=tty0", "initrd=initramfs.xz", "talos.platform=metal")


def test_a_script_names_its_initramfs_as_ipxe_does() -> None:
    """By UEFI the kernel asks for a file of that name; iPXE's is the URL's last part."""
    script = render_ipxe(
        kernel=KERNEL, initramfs=INITRAMFS, arguments=ARGUMENTS, title="berlin: environment boot"
    )
    assert script.splitlines() == [
        "#!ipxe",
        "# berlin: environment boot",
        "imgfree",
        f"kernel {KERNEL} initrd=initramfs-amd64.xz console=tty0 talos.platform=metal",
        f"initrd {INITRAMFS}",
        "boot",
    ]
    assert script.endswith("boot\n")


def test_the_machine_configuration_is_where_the_caller_says_and_only_there() -> None:
    arguments = (*ARGUMENTS, "talos.config=http://elsewhere.example/")
    url = "http://c.example/machine?uuid=${uuid}"
    script = render_ipxe(kernel=KERNEL, initramfs=INITRAMFS, arguments=arguments, config=url)
    (line,) = (line for line in script.splitlines() if line.startswith("kernel "))
    assert [word for word in line.split() if word.startswith("talos.config=")] == [
        f"talos.config={url}"
    ]


def test_a_configuration_among_the_arguments_stays_where_no_other_is_given() -> None:
    arguments = (*ARGUMENTS, "talos.config=http://elsewhere.example/")
    script = render_ipxe(kernel=KERNEL, initramfs=INITRAMFS, arguments=arguments)
    assert "talos.config=http://elsewhere.example/" in script


def test_https_is_warned_of() -> None:
    """iPXE trusts what it was built with (https://ipxe.org/crypto)."""
    secure = KERNEL.replace("http:", "https:")
    script = render_ipxe(kernel=secure, initramfs=INITRAMFS, arguments=())
    assert "# iPXE checks https by the CA that it was built with" in script
