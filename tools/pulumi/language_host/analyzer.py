"""Runs a policy pack, and stands between the engine and it.

A pack reads the stack's name and configuration from its environment when it starts, but the engine
tells them by a call to the pack already started (ConfigureStack). So the proxy answers the first
calls itself, starts the pack with what they say, and passes everything else on as raw bytes.
"""

import json
import queue
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import IO

import grpc

from .children import Children
from .protocol import analyzer_pb2, language_pb2
from .venv import Venv

SERVICE = "/pulumirpc.Analyzer/"
THREADS = 8
EMPTY = b""  # any message without fields, serialized

# A whole stack comes in one message; gRPC's own limit is 4 MiB.
NO_LIMIT = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))

Response = language_pb2.RunPluginResponse


class PackError(Exception):
    """The policy pack ended before it could be asked anything; its own words are in the output."""


class Pack:
    """One policy pack's process, started when the engine has said which stack it is for."""

    def __init__(
        self, request: language_pb2.RunPluginRequest, venv: Venv, children: Children
    ) -> None:
        self.output: queue.SimpleQueue[Response | None] = queue.SimpleQueue()
        self._request = request
        self._venv = venv
        self._children = children
        self._resources = ExitStack()
        self._lock = threading.Lock()
        self._channel: grpc.Channel | None = None

    def channel(self, environment: dict[str, str]) -> grpc.Channel:
        """Return the connection to the pack. The first call starts it, with `environment` added.

        Raises:
            PackError: the pack ended instead of serving.
        """
        with self._lock:
            self._channel = self._channel or self._start(environment)
            return self._channel

    def close(self) -> None:
        """End the pack."""
        with self._lock:
            self._resources.close()

    def _start(self, environment: dict[str, str]) -> grpc.Channel:
        directory = self._request.info.program_directory
        inherited = dict(item.split("=", 1) for item in self._request.env)
        child = self._resources.enter_context(
            self._children.running(
                [self._venv.python, "-u", "-m", "pulumi.policy", *self._request.args, directory],
                cwd=directory,
                environment=self._venv.activate(inherited) | environment,
                output=subprocess.PIPE,
            )
        )
        assert child.stdout is not None  # noqa: S101  # both are pipes
        assert child.stderr is not None  # noqa: S101
        self._pass_on(child, child.stderr, lambda line: Response(stderr=line))
        port = child.stdout.readline().strip()
        if not port.isdigit():
            raise PackError(f"the policy pack in {directory} ended before it was ready")
        self._pass_on(child, child.stdout, lambda line: Response(stdout=line))
        return self._resources.enter_context(
            grpc.insecure_channel(f"127.0.0.1:{int(port)}", options=NO_LIMIT)
        )

    def _pass_on(
        self,
        child: subprocess.Popen[bytes],
        stream: IO[bytes],
        wrap: Callable[[bytes], Response],
    ) -> None:
        def read() -> None:
            for line in stream:
                self.output.put(wrap(line))

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        # Undone in reverse order: the reader ends when the process has.
        self._resources.callback(reader.join)
        self._resources.callback(child.kill)


class Proxy(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Answers as the pack would before it is there, and passes on what only the pack can answer."""

    def __init__(self, pack: Pack) -> None:
        self._pack = pack

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """Return what handles the method; other services have nothing here."""
        if not call.method.startswith(SERVICE):
            return None
        match call.method.removeprefix(SERVICE):
            case "Handshake":
                return grpc.unary_unary_rpc_method_handler(_answer_empty)
            case "ConfigureStack":
                return grpc.unary_unary_rpc_method_handler(self._configure_stack)
            case _:
                return grpc.unary_unary_rpc_method_handler(self._forwarder(call.method))

    def _configure_stack(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        stack = analyzer_pb2.AnalyzerStackConfigureRequest.FromString(request)
        try:
            self._pack.channel(_stack_environment(stack))
        except PackError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        return EMPTY

    def _forwarder(self, method: str) -> Callable[[bytes, grpc.ServicerContext], bytes]:
        def forward(request: bytes, context: grpc.ServicerContext) -> bytes:
            try:
                # Without a stack (`pulumi policy publish`) the pack is started as it is.
                channel = self._pack.channel({})
                answer: bytes = channel.unary_unary(method)(request)
            except PackError as error:
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
            except grpc.RpcError as error:
                context.abort(error.code(), error.details())
            return answer

        return forward


def run_analyzer(
    request: language_pb2.RunPluginRequest,
    context: grpc.ServicerContext,
    venv: Venv,
    children: Children,
) -> Iterator[Response]:
    """Serve a policy pack until the engine ends the call; yield its port, then its output."""
    pack = Pack(request, venv, children)
    server = grpc.server(ThreadPoolExecutor(THREADS), handlers=(Proxy(pack),), options=NO_LIMIT)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    context.add_callback(lambda: pack.output.put(None))
    try:
        yield Response(stdout=f"{port}\n".encode())
        yield from iter(pack.output.get, None)
    finally:
        pack.close()
        server.stop(grace=None)


def _answer_empty(_request: bytes, _context: grpc.ServicerContext) -> bytes:
    return EMPTY


def _stack_environment(stack: analyzer_pb2.AnalyzerStackConfigureRequest) -> dict[str, str]:
    """Return the stack as `pulumi.policy` reads it."""
    return {
        "PULUMI_ORGANIZATION": stack.organization,
        "PULUMI_PROJECT": stack.project,
        "PULUMI_STACK": stack.stack,
        "PULUMI_DRY_RUN": "true" if stack.dry_run else "false",
        "PULUMI_CONFIG": json.dumps(dict(stack.config)),
        "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(stack.config_secret_keys)),
    }
