"""Starts the stand-in as the engine starts any provider plugin: address in, port out."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import grpc

from tests.engine.kubernetes_provider.service import KubernetesProvider
from tools.pulumi.language_host.parent import end_with_parent


def main() -> None:
    """Serve until the engine interrupts the process, or is gone."""
    signal.signal(signal.SIGINT, lambda _number, _frame: os._exit(0))
    server = grpc.server(ThreadPoolExecutor(16), handlers=(KubernetesProvider().handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # noqa: T201  # the engine reads it
    end_with_parent(lambda: os._exit(0))
    while True:
        signal.pause()


main()
