"""Which platforms of an image are carried: the site's choice, and what has to stay whole.

An index that is cut down has another digest. So one that somebody asks for by its digest stays as
it is: the author's own pin, what the Image Factory looks up (it reads extensions and installers by
their index' digest), and what has to be signed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from airgap.lock import ImagePin
from airgap.oci.manifest import INDEX_TYPES, Platform
from airgap.oci.reference import Reference
from airgap.oci.subset import is_chosen
from airgap.resolve.wants import ImageWant

__all__ = ["Selection"]

_FACTORY = "image factory for "


class Selection:
    """The choice of platforms of one site.

    Args:
        platforms: `os/architecture[/variant]`; none means all.
        must_be_signed: Tells whether the site requires a signature of an image.
    """

    def __init__(
        self,
        platforms: Sequence[str] = (),
        *,
        must_be_signed: Callable[[Reference], bool] = lambda _: False,
    ) -> None:
        self.platforms = tuple(sorted(set(platforms)))
        self._must_be_signed = must_be_signed

    def of(self, want: ImageWant) -> tuple[str, ...]:
        """Return the platforms to carry of an image; none means all."""
        return () if self._reason(want) else self.platforms

    def fits(self, want: ImageWant, pin: ImagePin, before: Sequence[str]) -> bool:
        """Tell whether a pin that was made with other platforms, perhaps, is as it would be now."""
        if not self.of(want):
            return pin.whole is None
        if pin.whole is not None:
            return tuple(before) == self.platforms
        return not (self._left_out(pin) and self._has_any(pin))

    def remark(self, want: ImageWant, pin: ImagePin) -> str:
        """Say why an image stays whole; nothing when it does not, or has nothing to leave out."""
        left_out = self._left_out(pin)
        if not self.platforms or pin.whole or pin.media_type not in INDEX_TYPES or not left_out:
            return ""
        reason = self._reason(want) or f"it has none of {', '.join(self.platforms)}"
        return f"carried whole, with {', '.join(left_out)}: {reason}"

    def _reason(self, want: ImageWant) -> str:
        """Return why an image has to stay whole."""
        if want.reference.digest is not None:
            return "it is named by its digest"
        if any(reason.startswith(_FACTORY) for reason in want.needed_by):
            return "the Image Factory reads it by its digest"
        if self._must_be_signed(want.reference):
            return "the signature that the site requires is of its index"
        return ""

    def _left_out(self, pin: ImagePin) -> tuple[str, ...]:
        return tuple(name for name in pin.platforms if not self._chosen(name))

    def _has_any(self, pin: ImagePin) -> bool:
        return any(self._chosen(name) for name in pin.platforms)

    def _chosen(self, name: str) -> bool:
        """Judge a platform by its key in a pin, which may be numbered (`windows/amd64#2`)."""
        os, architecture, *variant = name.partition("#")[0].split("/")
        platform = Platform(os=os, architecture=architecture, variant="/".join(variant))
        return is_chosen(platform, self.platforms)
