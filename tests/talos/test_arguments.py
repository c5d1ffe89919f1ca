"""Kernel arguments of what a factory made.

Sidero's: `EnvironmentDefaultSpec` of siderolabs/sidero v0.6.13. The factory's text: Image Factory
v1.0.3 over Talos' imager, whose extra arguments replace `console` and `talos.platform`, are added
otherwise, and take a key away as `-key` (siderolabs/go-procfs, `AppendAll`).
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airgap.talos import made_kernel_args, split_arguments

DEFAULTS = "init_on_alloc=1 slab_nomerge pti=on consoleblank=0 printk.devkmsg=on selinux=1"
CMDLINE = f"talos.platform=metal console=tty0 {DEFAULTS}"
NEEDED = ("console=ttyS0", "earlyprintk=ttyS0", "initrd=initramfs.xz")

words = st.from_regex(r"[a-z.]{1,6}(=[a-z0-9]{0,4})?", fullmatch=True)


def test_sideros_come_first_and_then_the_factorys_in_its_order() -> None:
    assert made_kernel_args(CMDLINE) == (*NEEDED, *CMDLINE.split())


def test_arguments_of_the_schematic_are_in_the_factorys_text_already() -> None:
    text = f"{CMDLINE} net.ifnames=0"
    assert made_kernel_args(text, ["net.ifnames=0"]) == made_kernel_args(text)


def test_what_the_text_lacks_of_the_schematic_is_added_before_the_environments_own() -> None:
    arguments = made_kernel_args(CMDLINE, ["net.ifnames=0"], ["ip=dhcp"])
    assert arguments[-2:] == ("net.ifnames=0", "ip=dhcp")


def test_an_empty_value_is_the_word_without_it() -> None:
    """The factory writes `slab_nomerge=` as `slab_nomerge`."""
    assert made_kernel_args(CMDLINE, ["slab_nomerge="]) == made_kernel_args(CMDLINE)


def test_a_platform_given_anew_is_the_only_one() -> None:
    """Talos reads the first `talos.platform` there is."""
    arguments = made_kernel_args("talos.platform=nocloud console=tty0", ["talos.platform=nocloud"])
    assert [word for word in arguments if word.startswith("talos.platform")] == [
        "talos.platform=nocloud"
    ]


def test_consoles_of_the_schematic_replace_all_others() -> None:
    text = f"talos.platform=metal console=ttyS1,115200 {DEFAULTS}"
    arguments = made_kernel_args(text, ["console=ttyS1,115200"])
    assert [word for word in arguments if word.startswith("console=")] == ["console=ttyS1,115200"]


def test_what_the_schematic_takes_away_is_neither_an_argument_nor_there() -> None:
    arguments = made_kernel_args(
        "talos.platform=metal init_on_alloc=1", ["-console", "-earlyprintk", "-selinux"]
    )
    assert arguments == ("initrd=initramfs.xz", "talos.platform=metal", "init_on_alloc=1")


def test_what_a_machine_cannot_boot_without_is_not_taken_away() -> None:
    arguments = made_kernel_args("init_on_alloc=1", ["-talos.platform", "-initrd"])
    assert {"initrd=initramfs.xz", "talos.platform=metal"} <= set(arguments)


def test_the_last_console_is_the_environments() -> None:
    """`/dev/console` is the last one (Linux, admin-guide/serial-console)."""
    arguments = made_kernel_args(CMDLINE, [], ["console=ttyS0"])
    assert [word for word in arguments if word.startswith("console=")] == [
        "console=tty0",
        "console=ttyS0",
    ]


def test_a_quoted_value_is_one_word() -> None:
    assert split_arguments('a="b c"  d\n"e f"=g') == ('a="b c"', "d", '"e f"=g')


@given(st.lists(words), st.lists(words), st.lists(words))
def test_no_word_comes_twice_and_none_of_the_text_is_lost(
    text: list[str], schematic: list[str], extra: list[str]
) -> None:
    arguments = made_kernel_args(" ".join(text), schematic, extra)
    assert len(arguments) == len(set(arguments))
    assert {*text, *extra} <= set(arguments)


@given(st.lists(words, unique=True), st.lists(words, unique=True))
def test_the_environments_own_are_last_in_their_order(text: list[str], extra: list[str]) -> None:
    arguments = made_kernel_args(" ".join(text), (), extra)
    assert arguments[len(arguments) - len(extra) :] == tuple(extra)
