"""What the plane remembers. The messages of the wire stay inside; `reading.py` makes values of them."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TypeVar

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from infra.simulator.modal.faults import NONE, Faults
from infra.simulator.modal.received import Scaled

V = TypeVar("V")
WORKSPACE = "simulated"
FIRST_ENVIRONMENT = "main"


@dataclass
class KeptSecret:
    """A secret of an environment, or a nameless one of an App."""

    id: str
    name: str
    environment: str
    values: dict[str, str]
    made: float
    required: tuple[str, ...] = ()


@dataclass
class KeptFunction:
    """A function's newest definition. `ranked` is more than one where several GPUs are wished for."""

    id: str
    app: str
    tag: str
    metadata: api_pb2.FunctionHandleMetadata
    definition: api_pb2.Function = field(default_factory=api_pb2.Function)
    ranked: tuple[api_pb2.Function, ...] = ()
    override: api_pb2.AutoscalerSettings = field(default_factory=api_pb2.AutoscalerSettings)


@dataclass(frozen=True)
class KeptVersion:
    """A published state: what each tag meant then."""

    number: int
    at: float
    functions: Mapping[str, KeptFunction]
    classes: Mapping[str, str]
    tags: Mapping[str, str]
    tag: str
    client: str
    commit: api_pb2.CommitInfo
    rolled_back_to: int = 0


@dataclass
class KeptApp:
    """An App of an environment."""

    id: str
    name: str
    environment: str
    made: float
    state: int
    tags: dict[str, str]
    versions: list[KeptVersion] = field(default_factory=list)
    stopped: float = 0.0

    @property
    def deployed(self) -> bool:
        """Whether it runs."""
        return bool(self.versions) and not self.stopped


@dataclass
class Store:
    """One workspace. Touched from the plane's own thread only; `reading.py` copies what it gives out."""

    faults: Faults = NONE
    token: tuple[str, str] = ("ak-simulated", "as-simulated")
    addresses: dict[str, str] = field(default_factory=dict)
    """Where a tag's web address leads, in place of an invented one: `Web.serve`, `Llama`."""
    environments: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, KeptSecret] = field(default_factory=dict)
    uses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The keys required of a secret when it was last looked up."""
    volumes: dict[str, tuple[str, str]] = field(default_factory=dict)
    """A volume's environment and name."""
    mounts: dict[str, tuple[api_pb2.MountFile, ...]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    """Files by their SHA-256."""
    images: dict[str, api_pb2.ImageGetOrCreateRequest] = field(default_factory=dict)
    apps: dict[str, KeptApp] = field(default_factory=dict)
    functions: dict[str, KeptFunction] = field(default_factory=dict)
    """What is published, as it is now."""
    drafts: dict[str, KeptFunction] = field(default_factory=dict)
    """What a deploy that is under way has made so far."""
    classes: dict[str, tuple[str, str]] = field(default_factory=dict)
    """A class's App and name."""
    scaled: list[Scaled] = field(default_factory=list)
    called: deque[str] = field(default_factory=lambda: deque(maxlen=5_000))
    """The names of the calls that came in, oldest first."""
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        for name in (FIRST_ENVIRONMENT, "staging", "production"):
            self.environments[name] = self.fresh("en")

    def fresh(self, prefix: str) -> str:
        """An id as Modal's are: a prefix and 22 letters or digits."""
        return f"{prefix}-{next(self._numbers):022d}"

    def unavailable(self) -> bool:
        """Whether this call finds nobody; counts those that are still to fail."""
        left = self.faults.unavailable
        if left > 0:
            self.faults = replace(self.faults, unavailable=left - 1)
        return left != 0

    def environment(self, name: str) -> str:
        """The environment's name; the first one's where none is named. Raises GRPCError where there is none such."""
        name = name or FIRST_ENVIRONMENT
        if name not in self.environments:
            raise GRPCError(Status.NOT_FOUND, f"Environment '{name}' not found in workspace '{WORKSPACE}'.")
        return name

    def app_named(self, name: str, environment: str) -> KeptApp | None:
        """The App of that name: one that runs before one that is stopped."""
        found = [app for app in self.apps.values() if (app.name, app.environment) == (name, environment)]
        return next((app for app in reversed(found) if app.deployed), found[-1] if found else None)

    def app(self, id: str) -> KeptApp:
        """The App. Raises GRPCError."""
        return _found(self.apps, id, "App")

    def function(self, id: str) -> KeptFunction:
        """The function. Raises GRPCError."""
        return _found(self.functions, id, "Function")

    def secret_named(self, name: str, environment: str) -> KeptSecret | None:
        """The secret of that name in an environment."""
        return next(
            (one for one in self.secrets.values() if (one.name, one.environment) == (name, environment)), None
        )


def _found(kept: Mapping[str, V], id: str, what: str) -> V:
    if id not in kept:
        raise GRPCError(Status.NOT_FOUND, f"{what} '{id}' not found.")
    return kept[id]
