"""What every peer is spoken to with: trust, retries, redirects, small answers, big bodies.

Nothing here knows what a registry or a release is. HTTP semantics: RFC 9110.
"""

from airgap.net.answer import Answer
from airgap.net.body import Body, FileBody, StreamBody
from airgap.net.failure import StoppedError, UnauthorizedError
from airgap.net.pace import Pace, Schedule
from airgap.net.patience import Patience
from airgap.net.retry import RETRYABLE, RetryPolicy
from airgap.net.session import Session
from airgap.net.stream import Download, Transfer
from airgap.net.target import Sink, Target
from airgap.net.tls import client_context
from airgap.net.traffic import Counts, Traffic
from airgap.net.wire import Wire

__all__ = [
    "RETRYABLE",
    "Answer",
    "Body",
    "Counts",
    "Download",
    "FileBody",
    "Pace",
    "Patience",
    "RetryPolicy",
    "Schedule",
    "Session",
    "Sink",
    "StoppedError",
    "StreamBody",
    "Target",
    "Traffic",
    "Transfer",
    "UnauthorizedError",
    "Wire",
    "client_context",
]
