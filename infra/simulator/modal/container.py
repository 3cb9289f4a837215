"""A deployed function's container: the client's own entry point in a process of its own, over the files that were
mounted and nothing else of the checkout.

What Modal's worker does around that process is done here: the files are laid out, the secrets become its environment,
it is told what to run, halted and woken where a snapshot of its memory would be taken, and ended.
"""

import asyncio
import json
import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from modal._serialization import deserialize_data_format
from modal_proto import api_pb2

from infra.simulator.modal.apps import layout
from infra.simulator.modal.calls import STATUSES, Flow
from infra.simulator.modal.plane import Plane
from infra.simulator.modal.reading import files, image

CHECKOUT = Path(__file__).resolve().parents[3]
_GRACE = 30.0
"""Seconds that Modal waits for a container it has interrupted."""
_PATIENCE = 20.0
"""Seconds that anything in here may take."""
_HIDE = "import sys\n\nsys.path[:] = [one for one in sys.path if one != {hidden!r}]\n"
_COMPILE = "RUN python -m compileall "
T = TypeVar("T")


class CallFailed(Exception):
    """A function raised; the message is what it raised, the argument its traceback."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a container lies: `root` is an empty folder of its own. The mounted files are in `tree`, by default beneath
    it; those that lie there already stay."""

    root: Path
    tree: Path | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer of a web function."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


@dataclass
class Exchange:
    """One request to a web function, under way. Chunks come as the function made them."""

    container: "Container"
    flow: Flow

    async def message(self) -> Any:
        """The next message of ASGI from the function; None when it is over."""
        return await self.container.until(self.flow.came.get())

    async def start(self) -> tuple[int, Mapping[str, str]]:
        """Status and headers."""
        message = await self.message()
        if message is None or message["type"] != "http.response.start":
            raise CallFailed(f"no answer began: {message}")
        headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
        return message["status"], headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, chunk by chunk."""
        while (message := await self.message()) is not None:
            if message["type"] == "http.response.body":
                if message["body"]:
                    yield message["body"]
                if not message.get("more_body"):
                    return

    async def answer(self) -> Answer:
        """All of it."""
        status, headers = await self.start()
        return Answer(status, headers, b"".join([chunk async for chunk in self.chunks()]))

    async def disconnect(self) -> None:
        """The client is gone."""
        self.container.plane.on_loop(lambda: self.flow.send({"type": "http.disconnect"}))

    async def ended(self) -> str:
        """How the input ended: `success`, `failure`, `terminated`."""
        output = await self.container.until(self.flow.ended())
        status: str = STATUSES[output.result.status]
        return status


@dataclass
class Container:
    """A running container of one function or class."""

    plane: Plane
    function: str
    process: asyncio.subprocess.Process
    root: Path
    tree: Path
    """The container's own root directory, as far as files were mounted."""
    checkpoint: str = ""
    started: float = field(default_factory=time.perf_counter)

    @property
    def log(self) -> str:
        """What it printed."""
        return (self.root / "log").read_text("utf-8", "replace")

    def request(
        self,
        method: str,
        path: str,
        *,
        serve: str = "serve",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        query: str = "",
    ) -> Exchange:
        """Send a request to the web method called `serve`."""
        flat = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "https",
            "path": path,
            "query_string": query.encode(),
            "headers": [(b"host", b"simulated.modal.run"), *flat],
            "client": ("203.0.113.7", 40_000),
        }

        def give() -> Flow:
            flow = self.plane.traffic.give(self.function, (scope,), {}, serve)
            flow.send({"type": "http.request", "body": body, "more_body": False})
            return flow

        return Exchange(self, self.plane.on_loop(give))

    async def call(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function, as its schedule does. Raises CallFailed."""
        flow = self.plane.on_loop(lambda: self.plane.traffic.give(self.function, args, kwargs, ""))
        return await self.returned(flow)

    async def finished(self, call: str) -> Any:
        """What a call that is already queued returned, by its id (`Plane.calls`). Raises CallFailed."""
        return await self.returned(self.plane.on_loop(lambda: self.plane.traffic.flows[call]))

    async def returned(self, flow: Flow) -> Any:
        """A call's result. Raises CallFailed."""
        output = await self.until(flow.ended())
        if output.result.status != api_pb2.GenericResult.GENERIC_STATUS_SUCCESS:
            raise CallFailed(output.result.exception, output.result.traceback)
        return deserialize_data_format(output.result.data, output.data_format, None)

    async def frozen(self) -> None:
        """Wait until it may be frozen: its memory is as a snapshot would hold it."""
        event = self.plane.on_loop(lambda: self.plane.traffic.cuts[self.checkpoint])
        await self.until(_waited(event))

    def wake(self, **changed: str) -> None:
        """Let it go on, as after a restore: with another task id, and `changed` in its environment."""
        state = {"task_id": self.plane.on_loop(lambda: self.plane.store.fresh("ta"))} | changed
        half = self.root / "restore.half"
        half.write_text(json.dumps(state), "utf-8")
        half.rename(self.root / "restore.json")

    async def stop(self) -> int:
        """No more inputs: it ends by itself. Its exit code."""
        self.plane.on_loop(lambda: self.plane.traffic.end_container(self.function))
        return await self._gone()

    async def interrupt(self) -> int:
        """What a worker sends to a container that must go now. Its exit code."""
        self.process.send_signal(signal.SIGINT)
        return await self._gone()

    async def until(self, act: Coroutine[Any, Any, T]) -> T:
        """Await something that the container is to bring about. Raises CallFailed where it ends before."""
        task = asyncio.ensure_future(self.plane.wait(act))
        gone = asyncio.ensure_future(self.process.wait())
        await asyncio.wait({task, gone}, timeout=_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if task.done():
            return task.result()
        task.cancel()
        code = self.process.returncode
        what = "it gave no sign" if code is None else f"it ended with {code}"
        raise CallFailed(f"the container did not do it: {what}\n{self.log[-4000:]}")

    async def _gone(self) -> int:
        async with asyncio.timeout(_GRACE):
            return await self.process.wait()


async def _waited(event: asyncio.Event) -> None:
    await event.wait()


@asynccontextmanager
async def started(
    plane: Plane,
    app: str,
    tag: str,
    *,
    place: Place,
    environment: str = "main",
    env: Mapping[str, str] | None = None,
    snapshot: bool = False,
    python: Sequence[str] = (),
) -> AsyncIterator[Container]:
    """Start a container of what is deployed as `tag`, at a new place; ended at the block's end.

    `env` is over what the deployment gives it; `python` are options of the
    interpreter (`-X importtime`). Raises LookupError where nothing is deployed under that name.
    """
    plane.app(app, environment)
    arguments, files, secrets, steps = plane.on_loop(
        lambda: _arguments(plane, app, tag, environment, snapshot=snapshot)
    )
    root, tree = place.root, place.tree or place.root / "files"
    if _lay_out(plane, files, tree):
        await _compile(steps, tree)
    _boot(root)
    (root / "arguments").write_bytes(arguments.SerializeToString())
    told = {
        "PATH": os.defpath,
        "HOME": str(root),
        "TMPDIR": tempfile.gettempdir(),
        "LANG": "C.UTF-8",
        "PYTHONPATH": f"{root / 'boot'}:{tree / 'root'}",
        **secrets,
        **(env or {}),
        "MODAL_SERVER_URL": plane.url,
        "MODAL_IS_REMOTE": "1",
        "MODAL_TASK_ID": arguments.task_id,
        "MODAL_ENVIRONMENT": environment,
        "MODAL_CONTAINER_ARGUMENTS_PATH": str(root / "arguments"),
        "MODAL_RESTORE_STATE_PATH": str(root / "restore.json"),
        "MODAL_ENABLE_SNAP_RESTORE": "1" if snapshot else "0",
    }
    began = time.perf_counter()
    with (root / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *python, "-m", "modal._container_entrypoint"),
            cwd=tree / "root",
            env=told,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    container = Container(plane, arguments.function_id, process, root, tree, arguments.checkpoint_id, began)
    try:
        yield container
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _arguments(
    plane: Plane, name: str, tag: str, environment: str, *, snapshot: bool
) -> tuple[api_pb2.ContainerArguments, Mapping[str, str], Mapping[str, str], Sequence[str]]:
    """What the container is told; its files' hashes by path; its environment; its image's steps."""
    store = plane.store
    app = store.app_named(name, environment)
    if app is None or tag not in app.versions[-1].functions:
        raise LookupError(f"nothing is deployed as {tag} in {name}")
    kept = app.versions[-1].functions[tag]
    definition = api_pb2.Function()
    definition.CopyFrom(kept.definition)
    definition.is_checkpointing_function = snapshot and definition.checkpointing_enabled
    arguments = api_pb2.ContainerArguments(
        task_id=store.fresh("ta"),
        function_id=kept.id,
        app_id=app.id,
        function_def=definition,
        environment_name=environment,
        checkpoint_id=store.fresh("ch") if definition.is_checkpointing_function else "",
        app_layout=layout(store, app),
    )
    found = {one.path: one.sha256 for one in files(store, definition)}
    secrets: dict[str, str] = {}
    for key in definition.secret_ids:
        secrets |= store.secrets[key].values
    return arguments, found, secrets, image(store, definition.image_id).commands


def _boot(root: Path) -> None:
    """The checkout itself is installed where this runs: the container must not find it."""
    (root / "boot").mkdir(parents=True)
    (root / "boot" / "sitecustomize.py").write_text(_HIDE.format(hidden=str(CHECKOUT)), "utf-8")


def _lay_out(plane: Plane, files: Mapping[str, str], tree: Path) -> bool:
    """Whether anything was not there yet."""
    (tree / "root").mkdir(parents=True, exist_ok=True)
    contents = plane.on_loop(lambda: {key: plane.store.contents[key] for key in set(files.values())})
    missing = {tree / path.lstrip("/"): key for path, key in files.items()}
    missing = {place: key for place, key in missing.items() if not place.exists()}
    for place, key in missing.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(contents[key])
    return bool(missing)


async def _compile(steps: Sequence[str], tree: Path) -> None:
    """Run the steps of the image that compile what it copied. The other steps install what is installed here too."""
    for step in steps:
        if not step.startswith(_COMPILE):
            continue
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "compileall", *shlex.split(step[len(_COMPILE) :])), cwd=tree / "root"
        )
        if await process.wait():
            raise CallFailed(f"the image could not be built: {step}")
