"""What the plane was sent, as values: nothing here is a message of Modal's wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Gpu:
    """One kind that a function would take; several stand in the order of the wish."""

    kind: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Web:
    """A function's or method's web address. `kind`: `asgi_app`, `wsgi_app`, `function` or `web_server`."""

    kind: str
    label: str
    url: str
    domains: tuple[str, ...] = ()
    proxy_auth: bool = False


@dataclass(frozen=True, slots=True)
class Served:
    """What `@app.server` says of its port. Times are seconds."""

    port: int
    url: str
    unauthenticated: bool
    startup_timeout: int
    exit_grace_period: int
    regions: tuple[str, ...] = ()
    h2: bool = False


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret as a function uses it. A nameless one is what `env=` made; only it shows `values`."""

    name: str
    required_keys: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume as it is mounted."""

    name: str
    path: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """One file of a container, by its place there."""

    path: str
    sha256: str
    mode: int


@dataclass(frozen=True, slots=True)
class Image:
    """An image with all its layers' steps, the lowest first. `files` are what the steps could copy, by name."""

    commands: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    builder: str = ""


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """Bounds on containers; None where nothing was said. Windows are seconds."""

    min_containers: int | None = None
    max_containers: int | None = None
    buffer_containers: int | None = None
    scaleup_window: int | None = None
    scaledown_window: int | None = None
    target_concurrency: float | None = None


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call that failed is tried again, and after how many milliseconds."""

    count: int
    initial_ms: int
    max_ms: int
    backoff: float


@dataclass(frozen=True, slots=True)
class Function:
    """One deployed thing: a function, a class (`Web.*`, with its methods' addresses in `webs`) or a server.

    `cpu` is in cores, `memory` in MiB, times in seconds; zero means Modal's own default. `arguments` are the names of
    its parameters. `cron` is the crontab's five fields, `every` says whether a period was given in its stead.
    """

    tag: str
    module: str
    kind: str
    gpus: tuple[Gpu, ...] = ()
    cpu: float = 0.0
    memory: int = 0
    arguments: tuple[str, ...] = ()
    cron: str = ""
    timezone: str = ""
    every: bool = False
    secrets: tuple[Secret, ...] = ()
    volumes: tuple[Volume, ...] = ()
    files: tuple[File, ...] = field(default=(), repr=False)
    image: Image | None = field(default=None, repr=False)
    max_inputs: int = 0
    target_inputs: int = 0
    timeout: int = 0
    startup_timeout: int = 0
    autoscaler: Autoscaler = Autoscaler()
    retries: Retries | None = None
    webs: Mapping[str, Web] = field(default_factory=dict)
    server: Served | None = None
    regions: tuple[str, ...] = ()
    nonpreemptible: bool = False
    snapshot: bool = False
    experimental: Mapping[str, str] = field(default_factory=dict)
    single_use: bool = False

    @property
    def env(self) -> Mapping[str, str]:
        """What the deployment itself put into its environment."""
        found: dict[str, str] = {}
        for secret in self.secrets:
            found |= secret.values
        return found


@dataclass(frozen=True, slots=True)
class Version:
    """One published state of an App."""

    number: int
    functions: Mapping[str, Function]
    tags: Mapping[str, str]
    tag: str = ""
    """What `modal deploy --tag` said."""
    rolled_back_to: int = 0
    commit: str = ""


@dataclass(frozen=True, slots=True)
class App:
    """An App that was published at least once, in one environment; its newest version is the last."""

    name: str
    environment: str
    versions: tuple[Version, ...]
    stopped: bool = False

    @property
    def now(self) -> Version:
        """What runs."""
        return self.versions[-1]


@dataclass(frozen=True, slots=True)
class Scaled:
    """A call of `update_autoscaler`: what it named of `function`, the rest None."""

    app: str
    function: str
    settings: Autoscaler


@dataclass(frozen=True, slots=True)
class Call:
    """A spawned or remote call of a deployed function."""

    function: str
    args: tuple[object, ...]
    kwargs: Mapping[str, object]
    id: str
    method: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """What a container says of itself before it gives up, or of one input."""

    exception: str
    traceback: str = field(default="", repr=False)
