"""An iPXE script (https://ipxe.org/scripting) that boots a kernel and an initramfs by URL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["render_ipxe"]

_INITRD = "initrd="
_CONFIG = "talos.config="
_TLS_NOTE = (
    "# iPXE checks https by the CA that it was built with (TRUST=); one without it needs http:",
    "# give the mirror's http URL with --mirror.",
)


def render_ipxe(
    *, kernel: str, initramfs: str, arguments: Iterable[str], config: str = "", title: str = ""
) -> str:
    """Return the script.

    Started by UEFI, a kernel finds its initramfs by the argument `initrd=<name>`, and iPXE names
    an image by the last part of its URL: the argument is made to fit.

    Args:
        kernel: Its URL.
        initramfs: Its URL.
        arguments: Of the kernel; an `initrd=` among them is replaced.
        config: The URL in `talos.config=`, in place of one among the arguments; iPXE puts in its
            settings, such as `${uuid}`.
        title: What it boots, for people.
    """
    name = initramfs.rpartition("/")[2]
    kept = [word for word in arguments if not word.startswith(_replaced(config))]
    words = [f"{_INITRD}{name}", *kept, *([f"{_CONFIG}{config}"] if config else [])]
    is_tls = any(url.startswith("https://") for url in (kernel, initramfs))
    lines = [
        "#!ipxe",
        *([f"# {title}"] if title else []),
        *(_TLS_NOTE if is_tls else ()),
        "imgfree",
        f"kernel {kernel} {' '.join(words)}",
        f"initrd {initramfs}",
        "boot",
    ]
    return "\n".join(lines) + "\n"


def _replaced(config: str) -> tuple[str, ...]:
    prefixes: Sequence[str] = (_INITRD, _CONFIG) if config else (_INITRD,)
    return tuple(prefixes)
