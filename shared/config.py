"""Settings: the only reader of the environment. An empty value means embedded or simulated."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast

from shared.core.faults import OurFault
from shared.core.model_spec import ProviderName
from shared.core.money import Micros
from shared.core.tenant import Limits

Environment = Literal["local", "staging", "production"]
_KEY = re.compile(r"[A-Za-z0-9_-]{43}=?")

PROVIDERS: Mapping[ProviderName, str] = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "gemini": "https://generativelanguage.googleapis.com/v1beta",
    "perplexity": "https://api.perplexity.ai",
    "llama": "",
}
"""Where each provider's wire is served. The Llama tier is our own: it has no public address."""

SIMULATOR_PATHS: Mapping[ProviderName, str] = {
    "openai": "/openai/v1",
    "anthropic": "/anthropic",
    "gemini": "/gemini/v1beta",
    "perplexity": "/perplexity",
    "llama": "/llama/v1",
}
"""Where the loopback simulator serves the same wires."""

REQUIRED: tuple[str, ...] = (
    "DATABASE_URL",
    "REDIS_URL",
    "SUPABASE_URL",
    "SUPABASE_SERVICE_KEY",
    "SUPABASE_JWKS_URL",
    "CHATSMART_SECRET_KEY",
)
"""What a deployment can't be without: Modal refuses to deploy on a secret that lacks one of these. Each is read into
the setting of its name in small letters."""


class BadSettings(OurFault):
    """A setting is missing or can't be right."""

    code = "bad_settings"


@dataclass(frozen=True, slots=True)
class Upstream:
    """A provider's address and credential. `simulated` where the loopback simulator stands in for it."""

    base_url: str
    api_key: str = field(repr=False)
    simulated: bool = False


@dataclass(frozen=True)
class Settings:
    """Everything that differs between two homes of the same code. `seconds` are seconds; caps are micro-dollars."""

    env: Environment = "local"
    revision: str = ""
    """What is deployed, so that /healthz can tell it; empty where nothing was."""
    host: str = "127.0.0.1"
    port: int = 8000
    home: Path = Path(".chatsmart")
    database_url: str = field(default="", repr=False)
    database_admin_url: str = field(default="", repr=False)
    redis_url: str = field(default="", repr=False)
    supabase_url: str = ""
    supabase_service_key: str = field(default="", repr=False)
    supabase_jwks_url: str = ""
    upstreams: Mapping[ProviderName, Upstream] = field(default_factory=dict)
    off: frozenset[ProviderName] = frozenset()
    """Providers that are switched off on purpose: nobody asks their models, in production neither."""
    llama_model: str = "llama-3.3-70b"
    """The catalogue's name of the one model that the Llama tier serves."""
    llama_native: str = ""
    """What that model is called at LLAMA_BASE_URL; empty: as the catalogue says. A server with a name of its own for it
    is taken for another than vLLM (Ollama, llama.cpp): it is told plain OpenAI fields only."""
    stripe_webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    """What Stripe signs its events with, newest first; none: its webhooks are not taken."""
    otlp_endpoint: str = ""
    secret_key: str = field(default="", repr=False)
    """Encrypts secrets at rest: 32 bytes in URL-safe base64; older ones behind commas. Empty: none can be stored."""
    month_cap_micros: int = 100_000_000
    """What one tenant may spend in a calendar month, in micro-dollars."""
    day_cap_micros: int = 50_000_000
    """What one tenant may spend in a day, UTC, in micro-dollars."""
    requests_per_minute: int = 6_000
    tokens_per_minute: int = 10_000_000
    """How fast one tenant may go; half of it at once."""
    namespace: str = "chatsmart"
    """Names this deployment's own keys where several share a Redis."""
    prices: Path | None = None
    """A file whose rows replace those of the price book (`shared/models/prices.py`)."""
    regions: Mapping[ProviderName, frozenset[str]] = field(default_factory=dict)
    """Where a provider's models run for this deployment, where that is another place than the catalogue says."""
    presidio: str = ""
    """The spaCy model with which Presidio looks for people and places too, or `blank`; empty: it is not asked."""
    plugin_containers: bool = False
    """Whether plugins run whole Python in containers of their own, where what serves has any, in place of the embedded
    interpreter."""
    plugin_local_hosts: frozenset[str] = frozenset()
    """Hosts that a plugin which was granted them may ask at loopback: for development, never in production."""
    cache: bool = True
    """Whether answers are stored and served again, as far as each tenant's policy wants it."""
    hedge: bool = False
    """Whether a model that is slower than usual to begin is raced against the next one."""
    first_token_seconds: float = 8.0
    thinking_first_token_seconds: float = 60.0
    between_tokens_seconds: float = 5.0

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment. Raises BadSettings naming the variable; in production also for what is missing."""
        env = os.environ if environ is None else environ
        read = _Reader(env)
        served, _, native = (env.get("LLAMA_MODEL") or cls.llama_model).partition("=")
        settings = cls(
            env=read.environment(),
            revision=env.get("CHATSMART_REVISION", ""),
            host=env.get("CHATSMART_HOST") or cls.host,
            port=read.port(),
            home=Path(env.get("CHATSMART_HOME") or cls.home).expanduser(),
            database_url=env.get("DATABASE_URL", ""),
            database_admin_url=env.get("DATABASE_ADMIN_URL", ""),
            redis_url=env.get("REDIS_URL", ""),
            supabase_url=env.get("SUPABASE_URL", ""),
            supabase_service_key=env.get("SUPABASE_SERVICE_KEY", ""),
            supabase_jwks_url=env.get("SUPABASE_JWKS_URL", ""),
            upstreams=read.upstreams(),
            off=read.off(),
            llama_model=served.strip(),
            llama_native=native.strip(),
            stripe_webhook_secrets=read.listed("STRIPE_WEBHOOK_SECRET"),
            otlp_endpoint=env.get("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
            secret_key=read.secret_key(),
            namespace=env.get("CHATSMART_NAMESPACE") or cls.namespace,
            prices=Path(env["CHATSMART_PRICES"]).expanduser() if env.get("CHATSMART_PRICES") else None,
            hedge=read.switch("CHATSMART_HEDGE"),
            regions=read.regions(),
            presidio=env.get("CHATSMART_PRESIDIO", ""),
            plugin_containers=read.switch("CHATSMART_PLUGIN_CONTAINERS"),
            plugin_local_hosts=read.names("CHATSMART_PLUGIN_LOCAL_HOSTS"),
            cache=read.switch("CHATSMART_CACHE", default=True),
            month_cap_micros=read.positive("CHATSMART_MONTH_CAP_MICROS", cls.month_cap_micros),
            day_cap_micros=read.positive("CHATSMART_DAY_CAP_MICROS", cls.day_cap_micros),
            requests_per_minute=read.positive("CHATSMART_REQUESTS_PER_MINUTE", cls.requests_per_minute),
            tokens_per_minute=read.positive("CHATSMART_TOKENS_PER_MINUTE", cls.tokens_per_minute),
        )
        settings.check()
        return settings

    def check(self) -> None:
        """In production nothing is embedded or simulated: raises BadSettings naming all that is missing."""
        if self.env != "production":
            return
        if self.plugin_local_hosts:
            raise BadSettings(
                "CHATSMART_PLUGIN_LOCAL_HOSTS is for development: in production it must be empty."
            )
        missing = [name for name in REQUIRED if not getattr(self, name.lower().removeprefix("chatsmart_"))]
        missing += [_key_variable(name) for name in self.simulated]
        if missing:
            off = ", ".join(f"{name.upper()}_BASE_URL=off" for name in self.simulated)
            raise BadSettings(
                f"CHATSMART_ENV is production and these settings are missing: {', '.join(missing)}."
                + (f" A provider that is not wanted is switched off: {off}." if off else "")
            )

    @property
    def limits(self) -> Limits:
        """What binds a tenant that has no limits of its own."""
        return Limits(
            day_micros=Micros(self.day_cap_micros),
            month_micros=Micros(self.month_cap_micros),
            requests_per_minute=self.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute,
        )

    @property
    def simulated(self) -> tuple[ProviderName, ...]:
        """The providers for which neither a key nor an address is set, and which are not off."""
        return tuple(name for name in PROVIDERS if name not in self.upstreams and name not in self.off)

    def with_simulator(self, base: str) -> "Settings":
        """The same settings, with the simulator at `base` for every provider that is not set."""
        found = dict(self.upstreams)
        for name in self.simulated:
            found[name] = Upstream(base.rstrip("/") + SIMULATOR_PATHS[name], "simulated", simulated=True)
        return replace(self, upstreams=found)

    def with_stores(self, *, database: str, redis: str, admin: str = "") -> "Settings":
        """The same settings, on these stores."""
        return replace(self, database_url=database, redis_url=redis, database_admin_url=admin)


@dataclass(frozen=True)
class Deployment:
    """What a deployment is made of. `as_env` hands it to the containers, which read it as the deployer did."""

    env: Environment = "staging"
    revision: str = ""
    """The commit that is deployed; empty where nobody said."""
    domain: str = ""
    """A domain of one's own for the web, beside the address that it has anyway."""
    warm: int = 0
    """Web containers that are kept running while nobody asks anything."""
    llama_gpu: str = ""
    """The kind of GPU that serves the Llama tier (`gpu/kinds.py`); empty: no pool is deployed."""
    llama_model: str = "llama-3.1-8b"
    """The catalogue's name of the model that the pool serves."""
    llama_url: str = ""
    """Where the pool that is deployed along answers; the deployer finds it out. Empty: not known yet."""
    gpu_snapshot: bool = False
    """Whether the pool's containers start from a snapshot of the GPU's memory (an alpha feature)."""
    llama_dummy: bool = False
    """Whether the pool runs on random weights: for trying a configuration without a download. Never in production."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Deployment":
        """Read the environment. Raises BadSettings naming the variable."""
        env = os.environ if environ is None else environ
        read = _Reader(env)
        named = read.environment() if env.get("CHATSMART_ENV") else cls.env
        if named == "local":
            raise BadSettings("CHATSMART_ENV is 'local': a deployment is staging or production.")
        return cls(
            env=named,
            revision=env.get("CHATSMART_REVISION", ""),
            domain=env.get("CHATSMART_DOMAIN", ""),
            warm=read.whole("CHATSMART_WARM", cls.warm),
            llama_gpu=env.get("CHATSMART_LLAMA_GPU", ""),
            llama_model=env.get("CHATSMART_LLAMA_MODEL") or cls.llama_model,
            llama_url=env.get("CHATSMART_LLAMA_URL", "").rstrip("/"),
            gpu_snapshot=read.switch("CHATSMART_GPU_SNAPSHOT"),
            llama_dummy=read.switch("CHATSMART_LLAMA_DUMMY"),
        )

    def as_env(self) -> dict[str, str]:
        """The variables that `from_env` reads, so that a container sees what was deployed. A pool that is deployed
        along is the Llama tier, whatever the secret says of it; until its address is known, the tier is off."""
        pool = {
            "LLAMA_BASE_URL": f"{self.llama_url}/v1" if self.llama_url else "off",
            "LLAMA_MODEL": self.llama_model,
        }
        return {
            "CHATSMART_ENV": self.env,
            "CHATSMART_REVISION": self.revision,
            "CHATSMART_DOMAIN": self.domain,
            "CHATSMART_WARM": str(self.warm),
            "CHATSMART_LLAMA_GPU": self.llama_gpu,
            "CHATSMART_LLAMA_MODEL": self.llama_model,
            "CHATSMART_LLAMA_URL": self.llama_url,
            **(pool if self.llama_gpu else {}),
            "CHATSMART_GPU_SNAPSHOT": "1" if self.gpu_snapshot else "0",
            "CHATSMART_LLAMA_DUMMY": "1" if self.llama_dummy else "0",
        }


def snapshotting(environ: Mapping[str, str] | None = None) -> bool:
    """Whether this container's memory becomes a snapshot, or comes from one: Modal's client (1.6.4) reads the same
    variable."""
    env = os.environ if environ is None else environ
    return env.get("MODAL_ENABLE_SNAP_RESTORE") == "1"


def _key_variable(name: str) -> str:
    return f"{name.upper()}_API_KEY"


@dataclass(frozen=True, slots=True)
class PoolSide:
    """What the front of the Llama pool reads inside of the model server's own process (`gpu/front.py`)."""

    state: Path | None = None
    """The folder in which the pool's keeper leaves word: `draining`, and the `token` that its own calls carry."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "PoolSide":
        """Read the environment."""
        env = os.environ if environ is None else environ
        folder = env.get("CHATSMART_POOL_STATE", "")
        return cls(Path(folder) if folder else None)


@dataclass(frozen=True, slots=True)
class _Reader:
    env: Mapping[str, str]

    def environment(self) -> Environment:
        value = self.env.get("CHATSMART_ENV") or "local"
        if value not in ("local", "staging", "production"):
            raise BadSettings(f"CHATSMART_ENV is '{value}'; it may be local, staging or production.")
        return cast(Environment, value)

    def port(self) -> int:
        text = self.env.get("CHATSMART_PORT") or str(Settings.port)
        if not text.isdigit() or not 0 <= int(text) <= 65535:
            raise BadSettings(f"CHATSMART_PORT is '{text}'; it must be a port number.")
        return int(text)

    def switch(self, name: str, *, default: bool = False) -> bool:
        text = self.env.get(name, "").lower()
        if text not in ("", "0", "1", "true", "false"):
            raise BadSettings(f"{name} is '{text}'; it may be 1 or 0.")
        return text in ("1", "true") if text else default

    def regions(self) -> dict[ProviderName, frozenset[str]]:
        """`OPENAI_REGIONS=eu` and its like: region names behind commas."""
        found: dict[ProviderName, frozenset[str]] = {}
        for name in PROVIDERS:
            if regions := self.names(f"{name.upper()}_REGIONS"):
                found[name] = regions
        return found

    def listed(self, name: str) -> tuple[str, ...]:
        """Values behind commas, in order."""
        return tuple(part.strip() for part in self.env.get(name, "").split(",") if part.strip())

    def names(self, name: str) -> frozenset[str]:
        """Names behind commas."""
        return frozenset(self.listed(name))

    def whole(self, name: str, default: int) -> int:
        text = self.env.get(name) or str(default)
        if not text.isdigit():
            raise BadSettings(f"{name} is '{text}'; it must be a whole number.")
        return int(text)

    def positive(self, name: str, default: int) -> int:
        text = self.env.get(name) or str(default)
        if not text.isdigit() or int(text) <= 0:
            raise BadSettings(f"{name} is '{text}'; it must be a whole number above 0.")
        return int(text)

    def secret_key(self) -> str:
        text = self.env.get("CHATSMART_SECRET_KEY", "")
        if not all(_KEY.fullmatch(part.strip()) for part in text.split(",") if text):
            raise BadSettings(
                "CHATSMART_SECRET_KEY is no key: it must be 32 random bytes in URL-safe base64 (43 characters)."
            )
        return text

    def off(self) -> frozenset[ProviderName]:
        """The providers whose `…_BASE_URL` is `off`."""
        return frozenset(name for name in PROVIDERS if self.env.get(f"{name.upper()}_BASE_URL") == "off")

    def upstreams(self) -> dict[ProviderName, Upstream]:
        found: dict[ProviderName, Upstream] = {}
        for name, public in PROVIDERS.items():
            key = self.env.get(_key_variable(name), "")
            base = self.env.get(f"{name.upper()}_BASE_URL", "")
            if (not key and not base) or base == "off":
                continue
            if base and not base.startswith(("http://", "https://")):
                raise BadSettings(
                    f"{name.upper()}_BASE_URL is '{base}'; it must begin with http:// or https://, or be off."
                )
            if not base and not public:
                raise BadSettings(f"{_key_variable(name)} is set but {name.upper()}_BASE_URL is not.")
            found[name] = Upstream((base or public).rstrip("/"), key)
        return found
