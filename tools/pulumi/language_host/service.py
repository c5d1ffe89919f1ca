"""The LanguageRuntime service: what the engine asks of a language plugin.

Methods that are not in `LanguageHost.handler` are answered UNIMPLEMENTED by gRPC; the engine does
without them.
"""

import importlib.metadata
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc

from .analyzer import run_analyzer
from .children import Children
from .protocol import language_pb2, plugin_pb2
from .venv import Venv, VenvError, find_venv

PROGRAM = Path(__file__).parent / "program.py"

# What a program exits with when the reason has been shown already.
EXPLAINED = 32

LIST_DISTRIBUTIONS = (
    "import importlib.metadata as m, json;"
    "print(json.dumps(sorted({(d.name, d.version) for d in m.distributions()})))"
)


class LanguageHost:
    """Answers one engine. Each call has a thread of its own."""

    def __init__(self, *, engine_address: str, children: Children) -> None:
        self._engine_address = engine_address
        self._children = children

    def handler(self) -> grpc.GenericRpcHandler:
        """Return the table of the methods that are answered."""
        one, many = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
        messages = language_pb2
        methods = (
            (one, "Handshake", self.shake_hands, messages.LanguageHandshakeRequest),
            (one, "GetPluginInfo", self.describe, None),
            (one, "GetRequiredPackages", self.list_required, messages.GetRequiredPackagesRequest),
            (
                one,
                "GetProgramDependencies",
                self.list_installed,
                messages.GetProgramDependenciesRequest,
            ),
            (one, "About", self.tell_about, messages.AboutRequest),
            (one, "Run", self.run, messages.RunRequest),
            (many, "InstallDependencies", self.install, messages.InstallDependenciesRequest),
            (many, "RunPlugin", self.run_plugin, messages.RunPluginRequest),
        )
        return grpc.method_handlers_generic_handler(
            "pulumirpc.LanguageRuntime",
            {
                name: arity(method, request and request.FromString, _serialize)
                for arity, name, method, request in methods
            },
        )

    def shake_hands(
        self, request: language_pb2.LanguageHandshakeRequest, _context: grpc.ServicerContext
    ) -> language_pb2.LanguageHandshakeResponse:
        """Learn the engine's address from an engine that attaches to a running plugin."""
        self._engine_address = request.engine_address
        return language_pb2.LanguageHandshakeResponse()

    def describe(self, _request: bytes, _context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """Answer with the version of the SDK this plugin runs with."""
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi"))

    def list_required(
        self, _request: language_pb2.GetRequiredPackagesRequest, _context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPackagesResponse:
        """Answer that no provider is needed in advance.

        The official plugin lists every installed SDK: a stack without a cluster would demand the
        kubernetes provider. Those that resources really use are looked up when they register.
        """
        return language_pb2.GetRequiredPackagesResponse()

    def list_installed(
        self, request: language_pb2.GetProgramDependenciesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetProgramDependenciesResponse:
        """List the distributions in the program's virtual environment."""
        venv = _find_venv_or_abort(request.info, context)
        command = (venv.python, "-I", "-c", LIST_DISTRIBUTIONS)
        listing = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60).stdout
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[
                language_pb2.DependencyInfo(name=name, version=version)
                for name, version in json.loads(listing)
            ]
        )

    def tell_about(
        self, _request: language_pb2.AboutRequest, _context: grpc.ServicerContext
    ) -> language_pb2.AboutResponse:
        """Say which Python this is, for `pulumi about`."""
        return language_pb2.AboutResponse(
            executable=sys.executable, version=platform.python_version()
        )

    def install(
        self, _request: language_pb2.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.InstallDependenciesResponse]:
        """Refuse: dependencies are hash-pinned, and `make` installs them."""
        # Not UNIMPLEMENTED: the engine takes that for success.
        context.abort(
            grpc.StatusCode.FAILED_PRECONDITION,
            "this language plugin installs nothing; `make` installs the hash-pinned requirements",
        )
        yield from ()

    def run(
        self, request: language_pb2.RunRequest, context: grpc.ServicerContext
    ) -> language_pb2.RunResponse:
        """Run the program to its end; its output goes to this process's, which the engine shows."""
        try:
            venv = find_venv(request.info)
        except VenvError as error:
            return language_pb2.RunResponse(error=str(error))
        with self._children.running(
            _program_command(venv, request, self._engine_address),
            cwd=request.pwd,
            environment=venv.activate(os.environ) | _configuration(request),
        ) as child:
            # The engine cancels the call when it failed first: the program ends quietly then.
            context.add_callback(lambda: child.send_signal(signal.SIGINT))
            return _tell_exit(child.wait())

    def run_plugin(
        self, request: language_pb2.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.RunPluginResponse]:
        """Run a policy pack. No other plugin of this project is written in Python for this host."""
        if request.kind != "analyzer":
            context.abort(
                grpc.StatusCode.UNIMPLEMENTED,
                f"this language plugin runs no {request.kind} plugins",
            )
        venv = _find_venv_or_abort(request.info, context)
        yield from run_analyzer(request, context, venv, self._children)


def _serialize(message: language_pb2.RunResponse) -> bytes:
    serialized: bytes = message.SerializeToString()
    return serialized


def _find_venv_or_abort(info: language_pb2.ProgramInfo, context: grpc.ServicerContext) -> Venv:
    try:
        return find_venv(info)
    except VenvError as error:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        raise


def _program_command(
    venv: Venv, request: language_pb2.RunRequest, engine_address: str
) -> list[str | Path]:
    program = Path(request.info.program_directory, request.info.entry_point)
    settings = {
        "monitor": request.monitor_address,
        "engine": engine_address,
        "project": request.project,
        "stack": request.stack,
        "organization": request.organization,
        "root_directory": request.info.root_directory,
        "parallel": request.parallel,
        "dry_run": request.dryRun,
    }
    return [venv.python, "-u", PROGRAM, json.dumps(settings), program, *request.args]


def _configuration(request: language_pb2.RunRequest) -> dict[str, str]:
    """Return the stack's configuration as the SDK reads it. It may hold secrets: no arguments."""
    return {
        "PULUMI_CONFIG": json.dumps(dict(request.config)),
        "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
    }


def _tell_exit(code: int) -> language_pb2.RunResponse:
    if code == 0:
        return language_pb2.RunResponse()
    if code == EXPLAINED:
        return language_pb2.RunResponse(bail=True)
    if code < 0:
        return language_pb2.RunResponse(
            error=f"the program was ended by {signal.Signals(-code).name}"
        )
    return language_pb2.RunResponse(error=f"the program ended with exit code {code}")
