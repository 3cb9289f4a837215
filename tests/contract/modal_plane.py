"""A control plane of Modal for the adapters that speak with one: an App is deployed on it; it runs in the test."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import modal
import pytest
from grpclib.server import Server
from modal_proto import api_pb2

from infra.simulator.modal.apps import Apps
from infra.simulator.modal.definitions import Definitions
from infra.simulator.modal.objects import Objects
from infra.simulator.modal.sandbox import Machines, Sandboxes
from infra.simulator.modal.servicer import servicer
from infra.simulator.modal.store import KeptApp, KeptFunction, KeptVersion, Store

APP = "chatsmart"


class Running:
    """The calls about functions that run: how many containers there are, and what was spawned."""

    def __init__(self, store: Store, spawned: list[str]) -> None:
        self._store, self._spawned = store, spawned

    async def function_get_current_stats(
        self, request: api_pb2.FunctionGetCurrentStatsRequest
    ) -> api_pb2.FunctionStats:
        """Two containers of everything."""
        self._store.function(request.function_id)
        return api_pb2.FunctionStats(num_total_tasks=2)

    async def function_map(self, request: api_pb2.FunctionMapRequest) -> api_pb2.FunctionMapResponse:
        """Take it; nothing runs."""
        self._spawned.append(self._store.function(request.function_id).tag)
        inputs = [
            api_pb2.FunctionPutInputsResponseItem(idx=one.idx, input_id=f"in-{one.idx}")
            for one in request.pipelined_inputs
        ]
        return api_pb2.FunctionMapResponse(function_call_id=self._store.fresh("fc"), pipelined_inputs=inputs)


@dataclass
class Modal:
    """A plane with `chatsmart` deployed on it, and a client of it."""

    store: Store
    client: modal.Client
    machines: Machines
    spawned: list[str]
    """The names of the functions that were spawned, oldest first."""


@asynccontextmanager
async def deployed(patch: pytest.MonkeyPatch) -> AsyncIterator[Modal]:
    """Serve it; the settings that the client reads are put back at the test's end."""
    store = Store()
    machines, spawned = Machines(), list[str]()
    groups = [
        Objects(store),
        Apps(store),
        Definitions(store),
        Sandboxes(store, machines),
        Running(store, spawned),
    ]
    server = Server([servicer(store, *groups)])
    listener = socket.create_server(("127.0.0.1", 0))
    await server.start(sock=listener)
    port = listener.getsockname()[1]
    patch.setenv("MODAL_SERVER_URL", f"http://127.0.0.1:{port}")
    patch.setenv("MODAL_CONFIG_PATH", "/dev/null")
    # The newer sandboxes speak with their machine over a second service, which is not simulated.
    patch.setenv("MODAL_SANDBOX_V2", "0")
    _deploy(store)
    client = await modal.Client.from_credentials.aio(*store.token)
    try:
        yield Modal(store, client, machines, spawned)
    finally:
        await client.close.aio()
        await machines.close()
        server.close()
        await server.wait_closed()


def _deploy(store: Store) -> None:
    app = KeptApp(store.fresh("ap"), APP, "main", 1.0, api_pb2.APP_STATE_DEPLOYED, {})
    functions = {
        "Web.*": _function(store, app, "Web.*", api_pb2.Function(is_class=True), maximum=20),
        "write": _function(store, app, "write", api_pb2.Function(), maximum=20),
        "Llama": _function(store, app, "Llama", api_pb2.Function(is_server=True, is_class=True), maximum=4),
    }
    version = KeptVersion(1, 1.0, functions, {}, {}, "", "1.6.4", api_pb2.CommitInfo())
    app.versions.append(version)
    store.apps[app.id] = app


def _function(
    store: Store, app: KeptApp, tag: str, definition: api_pb2.Function, *, maximum: int
) -> KeptFunction:
    definition.autoscaler_settings.max_containers = maximum
    definition.function_name = tag
    metadata = api_pb2.FunctionHandleMetadata(
        function_name=tag, function_type=api_pb2.Function.FUNCTION_TYPE_FUNCTION
    )
    kept = KeptFunction(store.fresh("fu"), app.id, tag, metadata, definition)
    store.functions[kept.id] = kept
    return kept
