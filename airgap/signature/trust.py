"""The trust root: certificate authorities, certificate logs and transparency logs, from a file.

A Sigstore TrustedRoot (`application/vnd.dev.sigstore.trustedroot+json;version=0.1`), read with
sigstore-python. It is as current as the file: nothing is updated.
"""

from __future__ import annotations

from datetime import datetime

from cryptography.x509 import Certificate, ExtendedKeyUsage, UnsupportedGeneralNameType
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)
from sigstore._internal.sct import verify_sct
from sigstore._internal.trust import KeyringPurpose
from sigstore._utils import KeyID
from sigstore.errors import Error
from sigstore.models import TrustedRoot
from sigstore.verify import Verifier
from sigstore_models.trustroot.v1 import TrustedRoot as Document

from airgap.errors import SignatureError

__all__ = ["TrustRoot"]


class TrustRoot:
    """What keyless signatures are verified with.

    sigstore-python verifies whole bundles (`verifier`); for cosign's older form, which it does not
    read, its parts are used one by one.

    Raises:
        SignatureError: The text is no trust root, or one without an authority.
    """

    def __init__(self, text: str) -> None:
        try:
            self._root = TrustedRoot(Document.from_json(text))
            self._authorities = self._root.get_fulcio_certs()
        except (Error, ValueError) as error:
            raise SignatureError(f"no trust root: {error}") from None

    @property
    def verifier(self) -> Verifier:
        """Sigstore's own verifier with this trust root.

        Raises:
            SignatureError: The trust root names no transparency log.
        """
        try:
            return Verifier(trusted_root=self._root)
        except Error as error:
            raise SignatureError(str(error)) from None

    def check_entry(self, log_id: str, signature: bytes, entry: bytes) -> None:
        """Check that a transparency log signed an entry (its signed entry timestamp).

        Raises:
            SignatureError: The log is not in the trust root, or it signed something else.
        """
        try:
            keys = self._root.rekor_keyring(KeyringPurpose.VERIFY)
            keys.verify(key_id=KeyID(bytes.fromhex(log_id)), signature=signature, data=entry)
        except (Error, ValueError) as error:
            raise SignatureError(f"no transparency log of the trust root has it: {error}") from None

    def check_certificate(self, certificate: Certificate, moment: datetime) -> None:
        """Check that an authority issued a certificate, valid at a moment and publicly logged.

        Raises:
            SignatureError: It was not, or not then, or no certificate log of the trust root has it.
        """
        issuers = self._issuers(certificate, moment)
        try:
            verify_sct(certificate, issuers, self._root.ct_keyring(KeyringPurpose.VERIFY))
        except Error as error:
            raise SignatureError(f"the certificate is not in a trusted log: {error}") from None

    def _issuers(self, certificate: Certificate, moment: datetime) -> list[Certificate]:
        """Return the chain above a certificate; RFC 5280 but for TLS' own extended key usage."""
        every = ExtensionPolicy.webpki_defaults_ca()
        leaf = ExtensionPolicy.webpki_defaults_ee()
        usage = (ExtendedKeyUsage, Criticality.NON_CRITICAL, None)
        policy = PolicyBuilder().store(Store(self._authorities)).time(moment)
        policy = policy.extension_policies(
            ca_policy=every.may_be_present(*usage), ee_policy=leaf.may_be_present(*usage)
        )
        try:
            return policy.build_client_verifier().verify(certificate, []).chain[1:]
        except (VerificationError, UnsupportedGeneralNameType) as error:
            message = f"the certificate is of no trusted authority at {moment.isoformat()}: {error}"
            raise SignatureError(message) from None
