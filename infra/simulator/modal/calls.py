"""The side of the plane that containers talk to: inputs, what goes in and out of a call, results, the cut."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.empty_pb2 import Empty  # type: ignore[import-untyped]
from modal._serialization import deserialize_data_format, serialize_data_format
from modal_proto import api_pb2

from infra.simulator.modal.received import Call, Failed
from infra.simulator.modal.store import Store

STATUSES = {
    value: name.removeprefix("GENERIC_STATUS_").lower()
    for name, value in api_pb2.GenericResult.GenericStatus.items()
}


@dataclass
class Flow:
    """One call under way: what the caller sends, what the function sends back, how it ended."""

    id: str
    sent: list[api_pb2.DataChunk] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    came: "asyncio.Queue[Any]" = field(default_factory=asyncio.Queue)
    outputs: list[api_pb2.FunctionPutOutputsItem] = field(default_factory=list)

    def send(self, message: Any) -> None:
        """A message of ASGI to the function."""
        data = serialize_data_format(message, api_pb2.DATA_FORMAT_ASGI)
        index = len(self.sent) + 1
        self.sent.append(api_pb2.DataChunk(data_format=api_pb2.DATA_FORMAT_ASGI, data=data, index=index))
        self._change()

    def end(self, output: api_pb2.FunctionPutOutputsItem) -> None:
        """The function is done."""
        self.outputs.append(output)
        self.came.put_nowait(None)
        self._change()

    async def ended(self) -> api_pb2.FunctionPutOutputsItem:
        """Wait for that."""
        while not self.outputs:
            await self.changed.wait()
        return self.outputs[-1]

    def _change(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class Traffic:
    """All calls of the plane's functions. Touched from the plane's thread only."""

    def __init__(self, store: Store) -> None:
        self.inputs: dict[str, asyncio.Queue[api_pb2.FunctionGetInputsItem]] = defaultdict(asyncio.Queue)
        self.flows: dict[str, Flow] = {}
        self.cuts: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.asked: list[Call] = []
        self.failed: list[Failed] = []
        self._store = store

    def queue(
        self, function: str, payload: api_pb2.FunctionInput, *, remember: bool = True
    ) -> api_pb2.FunctionGetInputsItem:
        call, input_id = self._store.fresh("fc"), self._store.fresh("in")
        item = api_pb2.FunctionGetInputsItem(input_id=input_id, function_call_id=call, input=payload)
        self.flows[call] = Flow(call)
        self.flows[input_id] = self.flows[call]
        if remember:
            args, kwargs = deserialize_data_format(payload.args, payload.data_format, None)
            tag = self._store.function(function).tag
            self.asked.append(Call(tag, tuple(args), dict(kwargs), call, payload.method_name))
        self.inputs[function].put_nowait(item)
        return item

    def give(self, function: str, args: tuple[Any, ...], kwargs: dict[str, Any], method: str) -> Flow:
        """Call a function as the plane itself does: for a web request, a schedule, a test."""
        data = serialize_data_format((args, kwargs), api_pb2.DATA_FORMAT_PICKLE)
        payload = api_pb2.FunctionInput(args=data, data_format=api_pb2.DATA_FORMAT_PICKLE, method_name=method)
        return self.flows[self.queue(function, payload, remember=False).function_call_id]

    def end_container(self, function: str) -> None:
        """Tell whichever container asks next for an input that there will be none."""
        self.inputs[function].put_nowait(api_pb2.FunctionGetInputsItem(kill_switch=True))


class Calls:
    """Each public coroutine answers the call of its name."""

    def __init__(self, store: Store, traffic: Traffic) -> None:
        self._store = store
        self._traffic = traffic

    async def container_hello(self, _: Empty) -> Empty:
        """A container is up."""
        return Empty()

    async def container_heartbeat(
        self, _: api_pb2.ContainerHeartbeatRequest
    ) -> api_pb2.ContainerHeartbeatResponse:
        """It still is."""
        return api_pb2.ContainerHeartbeatResponse()

    async def container_checkpoint(self, request: api_pb2.ContainerCheckpointRequest) -> Empty:
        """It may be frozen from here on."""
        self._traffic.cuts[request.checkpoint_id].set()
        return Empty()

    async def container_stop(self, _: api_pb2.ContainerStopRequest) -> api_pb2.ContainerStopResponse:
        """A wish to be stopped; a test's own business."""
        return api_pb2.ContainerStopResponse()

    async def task_result(self, request: api_pb2.TaskResultRequest) -> Empty:
        """Why a container gives up."""
        self._traffic.failed.append(Failed(request.result.exception, request.result.traceback))
        return Empty()

    async def function_get_inputs(
        self, request: api_pb2.FunctionGetInputsRequest
    ) -> api_pb2.FunctionGetInputsResponse:
        """The next thing to do; waits for one."""
        item = await self._traffic.inputs[request.function_id].get()
        return api_pb2.FunctionGetInputsResponse(inputs=[item])

    async def function_get_dynamic_concurrency(
        self, request: api_pb2.FunctionGetDynamicConcurrencyRequest
    ) -> api_pb2.FunctionGetDynamicConcurrencyResponse:
        """As many at once as the function's target."""
        return api_pb2.FunctionGetDynamicConcurrencyResponse(concurrency=request.target_concurrency)

    async def function_call_get_data_in(
        self, request: api_pb2.FunctionCallGetDataRequest
    ) -> AsyncIterator[api_pb2.DataChunk]:
        """What the caller sends, as it does; ends with the call."""
        flow = self._traffic.flows[request.function_call_id]
        at = int(request.last_index)
        while True:
            changed = flow.changed
            for chunk in flow.sent[at:]:
                yield chunk
            at = len(flow.sent)
            if flow.outputs:
                return
            await changed.wait()

    async def function_call_put_data_out(self, request: api_pb2.FunctionCallPutDataRequest) -> Empty:
        """What the function sends back: each call of this holds what was ready by then."""
        flow = self._traffic.flows[request.function_call_id]
        for chunk in request.data_chunks:
            flow.came.put_nowait(deserialize_data_format(chunk.data, chunk.data_format, None))
        return Empty()

    async def function_put_outputs(self, request: api_pb2.FunctionPutOutputsRequest) -> Empty:
        """How inputs ended."""
        for output in request.outputs:
            self._traffic.flows[output.input_id].end(output)
        return Empty()

    async def function_map(self, request: api_pb2.FunctionMapRequest) -> api_pb2.FunctionMapResponse:
        """Somebody calls or spawns a function."""
        if not request.pipelined_inputs:
            return api_pb2.FunctionMapResponse(function_call_id=self._store.fresh("fc"))
        self._store.function(request.function_id)
        items = [self._traffic.queue(request.function_id, one.input) for one in request.pipelined_inputs]
        return api_pb2.FunctionMapResponse(
            function_call_id=items[0].function_call_id,
            pipelined_inputs=[
                api_pb2.FunctionPutInputsResponseItem(idx=index, input_id=item.input_id)
                for index, item in enumerate(items)
            ],
        )

    async def function_get_outputs(
        self, request: api_pb2.FunctionGetOutputsRequest
    ) -> api_pb2.FunctionGetOutputsResponse:
        """What a call returned, waited for as long as the caller does."""
        flow = self._traffic.flows[request.function_call_id]
        try:
            async with asyncio.timeout(max(request.timeout, 0.001)):
                output = await flow.ended()
        except TimeoutError:
            return api_pb2.FunctionGetOutputsResponse(num_unfinished_inputs=1)
        item = api_pb2.FunctionGetOutputsItem(
            result=output.result, idx=0, input_id=output.input_id, data_format=output.data_format
        )
        return api_pb2.FunctionGetOutputsResponse(outputs=[item], last_entry_id="1-0")
