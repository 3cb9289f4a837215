"""The wire: all calls of Modal's control plane, made from the stubs that the installed client brought along."""

import asyncio
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from grpclib import GRPCError, Status
from grpclib.server import Stream
from modal_proto import api_grpc, api_pb2

from infra.simulator.modal.store import Store

_CAPITALS = re.compile(r"(?:^|_)([a-z0-9])")


def servicer(store: Store, *groups: object) -> api_grpc.ModalClientBase:
    """A servant of every call. What no group answers is UNIMPLEMENTED, and named in the answer."""
    answers = {
        _CAPITALS.sub(lambda match: match[1].upper(), name): value
        for group in groups
        for name, value in inspect.getmembers(group, callable)
        if not name.startswith("_")
    }
    calls = api_grpc.ModalClientBase.__abstractmethods__
    if strange := answers.keys() - calls:
        raise TypeError(f"no calls of this client's control plane: {', '.join(sorted(strange))}")
    methods = {name: _method(store, name, answers.get(name)) for name in calls}
    made: api_grpc.ModalClientBase = type("Servicer", (api_grpc.ModalClientBase,), methods)()
    return made


def _method(store: Store, name: str, answer: Callable[[Any], Any] | None) -> Callable[[Any, Any], Any]:
    async def method(_: object, stream: "Stream[Any, Any]") -> None:
        request = await stream.recv_message()
        store.called.append(name)
        await _misbehave(store, stream)
        if answer is None:
            raise GRPCError(Status.UNIMPLEMENTED, f"The simulated control plane does not know {name}.")
        if inspect.isasyncgenfunction(answer):
            async for part in answer(request):
                await stream.send_message(part)
        else:
            await stream.send_message(await answer(request))

    return method


async def _misbehave(store: Store, stream: "Stream[Any, Any]") -> None:
    faults = store.faults
    if faults.slow:
        await asyncio.sleep(faults.slow)
    if store.unavailable():
        raise GRPCError(Status.UNAVAILABLE, "The simulated control plane is down.")
    told: Mapping[str, Any] = stream.metadata or {}
    if str(told.get("x-modal-client-type", "")) == str(int(api_pb2.CLIENT_TYPE_CONTAINER)):
        return
    given = (told.get("x-modal-token-id"), told.get("x-modal-token-secret"))
    if faults.bad_token or given != store.token:
        raise GRPCError(Status.UNAUTHENTICATED, f"Token '{given[0]}' is not valid.")
