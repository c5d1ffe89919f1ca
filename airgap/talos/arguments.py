"""Kernel arguments of an Environment that boots what an Image Factory made.

The factory's own `cmdline-<platform>-<arch>` holds Talos' defaults and the schematic's arguments
already (siderolabs/image-factory v1.5.0 over Talos' imager: a schematic's `console` and
`talos.platform` replace the defaults, a word `-key` takes one away). What Sidero needs stands
before it; a word in double quotes may hold blanks (kernel-parameters, admin-guide).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from airgap.talos.boot import SIDERO_KERNEL_ARGS

__all__ = ["made_kernel_args", "split_arguments"]

_WORD = re.compile(r'(?:[^\s"]|"[^"]*"?)+')
_REMOVAL = "-"
_CONSOLE = "console"
_INDISPENSABLE = ("initrd", "talos.platform")
"""Without these a machine that Sidero boots by UEFI does not come up."""


def split_arguments(text: str) -> tuple[str, ...]:
    """Return the words of a kernel command line."""
    return tuple(_WORD.findall(text))


def made_kernel_args(
    cmdline: str, schematic: Iterable[str] = (), extra: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return an Environment's arguments: Sidero's, the factory's, the environment's own.

    Of a name that is given twice the last one counts, as with the kernel: of Sidero's words only
    those stay whose name comes no more (`console` may come several times, unless the schematic
    has another, or takes it away). No word comes twice: the last of equal ones stays.

    Args:
        cmdline: The factory's text.
        schematic: The schematic's extraKernelArgs; those that the text lacks are added to it.
        extra: The environment's own, last of all.
    """
    asked = [word for argument in schematic for word in split_arguments(argument)]
    made = split_arguments(cmdline)
    known = set(map(_plain, made))
    missing = [word for word in asked if not _is_removal(word) and _plain(word) not in known]
    own = [word for argument in extra for word in split_arguments(argument)]
    later = [*made, *missing, *own]
    needed = [word for word in SIDERO_KERNEL_ARGS if _stays(word, later, asked)]
    return _each_once([*needed, *later])


def _stays(word: str, later: Iterable[str], asked: Iterable[str]) -> bool:
    """Tell whether one of Sidero's words is neither given anew nor unwanted."""
    name = _name(word)
    removed = {_name(each[1:]) for each in asked if _is_removal(each)}
    if name == _CONSOLE:
        return name not in removed and name not in set(map(_name, asked))
    if name in set(map(_name, later)):
        return False
    return name in _INDISPENSABLE or name not in removed


def _is_removal(word: str) -> bool:
    return word.startswith(_REMOVAL) and len(word) > 1


def _name(word: str) -> str:
    return word.partition("=")[0]


def _plain(word: str) -> str:
    """Return a word as the factory writes it: without an empty value's `=`."""
    return word.removesuffix("=")


def _each_once(words: list[str]) -> tuple[str, ...]:
    def reversed_once() -> Iterator[str]:
        seen = set[str]()
        for word in reversed(words):
            if word not in seen:
                seen.add(word)
                yield word

    return tuple(reversed(tuple(reversed_once())))
