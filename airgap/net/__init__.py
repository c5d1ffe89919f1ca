"""What every peer is spoken to with: trust, retries, redirects, small answers, big bodies.

Nothing here knows what a registry or a release is. HTTP semantics: RFC 9110.
"""

from airgap.net.failure import UnauthorizedError
from airgap.net.retry import RETRYABLE, RetryPolicy
from airgap.net.session import Answer, Session
from airgap.net.stream import Download, Sink
from airgap.net.tls import client_context
from airgap.net.wire import Wire

__all__ = [
    "RETRYABLE",
    "Answer",
    "Download",
    "RetryPolicy",
    "Session",
    "Sink",
    "UnauthorizedError",
    "Wire",
    "client_context",
]
