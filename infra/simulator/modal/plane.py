"""The plane itself: a server on loopback in a thread of its own, and what a test asks of it."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any, TypeVar

from grpclib.server import Server

from infra.simulator.modal import reading
from infra.simulator.modal.apps import Apps
from infra.simulator.modal.calls import Calls, Traffic
from infra.simulator.modal.definitions import Definitions
from infra.simulator.modal.faults import Faults
from infra.simulator.modal.objects import BUILDER, Objects
from infra.simulator.modal.received import App, Call, Failed, Function, Scaled
from infra.simulator.modal.servicer import servicer
from infra.simulator.modal.store import KeptSecret, Store

T = TypeVar("T")
_SECONDS = 30.0


class Plane:
    """A control plane. `with Plane() as plane:` serves until the block's end; methods may be called from any thread.

    It knows three environments, `main`, `staging` and `production`; secrets only those that it is given.
    """

    def __init__(self, *, port: int = 0, addresses: Mapping[str, str] | None = None) -> None:
        self.store = Store(addresses=dict(addresses or {}))
        self.traffic = Traffic(self.store)
        self._port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="simulated-modal", daemon=True)
        self._started: Future[int] = Future()
        self._ended = asyncio.Event()

    def __enter__(self) -> "Plane":
        self._thread.start()
        self._port = self._started.result(_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(_SECONDS)

    @property
    def url(self) -> str:
        """Where it is served."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def env(self) -> dict[str, str]:
        """What a process's environment must say so that its `modal` talks to this plane, and to nothing else."""
        token, secret = self.store.token
        return {
            "MODAL_SERVER_URL": self.url,
            "MODAL_TOKEN_ID": token,
            "MODAL_TOKEN_SECRET": secret,
            "MODAL_CONFIG_PATH": "/dev/null",
            "MODAL_IMAGE_BUILDER_VERSION": BUILDER,
        }

    @property
    def faults(self) -> Faults:
        """How it misbehaves now."""
        return self.store.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self.on_loop(lambda: setattr(self.store, "faults", faults))

    def secret(self, name: str, values: Mapping[str, str], environment: str = "main") -> None:
        """Keep a secret, in place of one that was there."""

        def keep() -> None:
            there = self.store.secret_named(name, environment)
            if there is not None:
                there.values = dict(values)
                return
            key = self.store.fresh("st")
            self.store.secrets[key] = KeptSecret(key, name, environment, dict(values), 0.0)

        self.on_loop(keep)

    def values(self, name: str, environment: str = "main") -> Mapping[str, str] | None:
        """What a secret holds; None where there is none."""

        def look() -> Mapping[str, str] | None:
            there = self.store.secret_named(name, environment)
            return None if there is None else dict(there.values)

        return self.on_loop(look)

    def apps(self) -> tuple[App, ...]:
        """Every App that was published, oldest first."""
        return self.on_loop(
            lambda: tuple(reading.app(self.store, one) for one in self.store.apps.values() if one.versions)
        )

    def app(self, name: str, environment: str = "main") -> App:
        """The App of that name. Raises LookupError."""
        found = [one for one in self.apps() if (one.name, one.environment) == (name, environment)]
        if not found:
            raise LookupError(f"nothing was deployed as {name} in {environment}")
        return found[-1]

    def function(self, app: str, tag: str, environment: str = "main") -> Function:
        """What the App's newest version has under that name. Raises LookupError."""
        return self.app(app, environment).now.functions[tag]

    def scaled(self) -> tuple[Scaled, ...]:
        """Every `update_autoscaler`, oldest first."""
        return self.on_loop(lambda: tuple(self.store.scaled))

    def calls(self) -> tuple[Call, ...]:
        """Every function that was spawned or called from outside or out of a container, oldest first."""
        return self.on_loop(lambda: tuple(self.traffic.asked))

    def failed(self) -> tuple[Failed, ...]:
        """Why containers gave up as they started, oldest first."""
        return self.on_loop(lambda: tuple(self.traffic.failed))

    def called(self) -> tuple[str, ...]:
        """The names of the calls that came in, oldest first (`FunctionCreate`)."""
        return self.on_loop(lambda: tuple(self.store.called))

    def contents(self, sha256: str) -> bytes:
        """A file that was uploaded. Raises KeyError."""
        return self.on_loop(lambda: self.store.contents[sha256])

    def on_loop(self, act: Callable[[], T]) -> T:
        """Run something where the plane's state is touched."""
        if self._loop is None or not self._thread.is_alive():
            return act()
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(act())
            except Exception as error:  # noqa: BLE001  # it is the caller's
                done.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return done.result(_SECONDS)

    async def wait(self, act: Coroutine[Any, Any, T]) -> T:
        """Await something on the plane's own loop."""
        if self._loop is None:
            raise RuntimeError("the plane is not started")
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(act, self._loop))

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        groups = [
            Objects(self.store),
            Apps(self.store),
            Definitions(self.store),
            Calls(self.store, self.traffic),
        ]
        server = Server([servicer(self.store, *groups)])
        try:
            listener = socket.create_server(("127.0.0.1", self._port))
        except OSError as error:
            self._started.set_exception(error)
            return
        await server.start(sock=listener)
        self._started.set_result(listener.getsockname()[1])
        await self._ended.wait()
        server.close()
        await server.wait_closed()
