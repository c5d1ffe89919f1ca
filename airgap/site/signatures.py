"""The site's `signatures` section: what is carried of them, and what must be signed by whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from airgap.rules.signers import Requirement as Rule
from airgap.rules.signers import key_signer
from airgap.site.document import PUBLIC_KEY, Document, Flag, Repositories, Text, Url, example

__all__ = ["Keyless", "Requirement", "Signatures", "TrustRoot"]


class Keyless(Document):
    """An identity that Fulcio certifies, by exactly one of `identity` and `identityPattern`."""

    issuer: Annotated[Url, example("https://accounts.google.com")]
    """Who vouches for the identity, such as https://accounts.google.com."""
    identity: Annotated[Text, example("release@example.com")] | None = None
    """The identity itself: a mail address or a URI."""
    identity_pattern: Annotated[Text, example(r"^https://github\.com/example/")] | None = None
    """A regular expression to be found in the identity, as cosign does: anchor it with ^ and $."""


class TrustRoot(Document):
    """The authorities and logs that keyless signatures are verified with (Sigstore TrustedRoot)."""

    file: Annotated[Text, example("certs/trusted_root.json")] | None = None
    """A trusted_root.json, relative to the stack file."""
    content: Annotated[Text, example('{"mediaType": …}')] | None = None
    """The same inline, as JSON text."""


class Requirement(Document):
    """Images that must be signed, and by whom: exactly one of `key`, `keyPem` and `keyless`."""

    images: Annotated[Repositories, example("ghcr.io/siderolabs/**")]
    """Registry and repository, such as ghcr.io/siderolabs/**; `*` stays within a component."""
    key: Annotated[Text, example("certs/signer.pub")] | None = None
    """A file with cosign's public key, relative to the stack file."""
    key_pem: Annotated[Text, example(PUBLIC_KEY)] | None = None
    """The same inline, as PEM text."""
    keyless: Keyless | None = None
    """Whose identity, where no key is kept."""

    def rule(self) -> Rule:
        """Return it as the plain values that signers are held against."""
        if self.keyless is not None:
            return _identity(self.images, self.keyless)
        return Rule(images=self.images, key=key_signer(self.key_pem or ""))


class Signatures(Document):
    """What is carried of signatures, and what must be signed by whom.

    Nothing public is asked when a signature is verified: no log, and no updates of the trust root.
    """

    collect: Flag = True
    """Whether the signatures, attestations and SBOMs of every image are carried."""
    trust_root: TrustRoot | None = None
    """What keyless signatures are verified with."""
    require: tuple[Requirement, ...] = ()
    """What must be signed; every item that covers an image counts."""
    releases: Keyless | None = None
    """Who signs a Talos release's sha512sum.txt."""

    def rules(self) -> tuple[Rule, ...]:
        """Return the requirements on images."""
        return tuple(item.rule() for item in self.require)

    def release_rule(self) -> Rule | None:
        """Return the requirement on a release's sums."""
        return _identity("", self.releases) if self.releases else None

    def keys(self) -> Iterator[str]:
        """Yield the public keys, as PEM text."""
        for item in self.require:
            if item.key_pem:
                yield item.key_pem


def _identity(images: str, keyless: Keyless) -> Rule:
    return Rule(
        images=images,
        issuer=keyless.issuer,
        identity=keyless.identity or "",
        pattern=keyless.identity_pattern or "",
    )
