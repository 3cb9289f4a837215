"""What somebody wants deployed, and how."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from infra.deploying.dotenv import read
from infra.deploying.revision import Revision
from infra.deploying.stopped import Stopped
from shared.adapters.postgres.address import pooled
from shared.config import BadSettings, Deployment, Settings

APP = "chatsmart"
SECRET = "chatsmart"  # noqa: S105  # the name, and no secret
GPU_SECRET = "chatsmart-gpu"  # noqa: S105
ROOT = Path(__file__).resolve().parents[2]
IMAGE_BUILDER = "2025.06"
"""Modal's recipe for base images: unpinned, a workspace's setting would change what we run on."""
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", re.IGNORECASE)
DEPLOYERS_OWN = ("DATABASE_ADMIN_URL", "HF_TOKEN")
"""What the deployer needs and the web's containers must not have."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options of the command. `pool_seconds`: how long a pool without a replica is waited for."""

    skip: frozenset[str] = frozenset()
    allow_dirty: bool = False
    write_secrets: bool = False
    again: bool = False
    """Deploy also where this revision runs already."""
    keep: bool = False
    """Leave what failed standing, to look into it."""
    pool_seconds: float = 180.0
    alive_seconds: float = 120.0
    """How long the new release's first answer is waited for."""


@dataclass(frozen=True, slots=True)
class Order:
    """One deploy. `file` holds the environment's settings, secrets among them; `environ` is this process's own."""

    deployment: Deployment
    revision: Revision
    file: Mapping[str, str] = field(repr=False)
    path: Path
    environ: Mapping[str, str] = field(repr=False)
    wishes: Wishes = field(default_factory=Wishes)

    @property
    def env(self) -> str:
        """The Modal environment."""
        return self.deployment.env

    @property
    def secret(self) -> Mapping[str, str]:
        """What the web's containers get as the Modal secret `chatsmart`."""
        own = {*DEPLOYERS_OWN, *self.deployment.as_env()} - {"LLAMA_BASE_URL", "LLAMA_MODEL"}
        return {
            name: value
            for name, value in self.file.items()
            if value and name not in own and not name.startswith("MODAL_")
        }

    @property
    def tag(self) -> str:
        """The version's name at Modal: the revision, and a digest of what else makes the deployment."""
        told = {**replace(self.deployment, revision="", llama_url="").as_env(), "builder": IMAGE_BUILDER}
        digest = sha256(repr(sorted(told.items())).encode()).hexdigest()[:6]
        return f"{self.revision.name}-{digest}"

    def command_env(self, *, llama_url: str = "") -> dict[str, str]:
        """The environment in which `modal deploy -m infra.deploy` runs: none of the file's secrets is in it."""
        deployment = replace(self.deployment, revision=self.revision.name, llama_url=llama_url)
        kept = {name: value for name, value in self.environ.items() if name not in self.file}
        token = {name: value for name, value in self.file.items() if name.startswith("MODAL_")}
        return {
            **kept,
            **token,
            **deployment.as_env(),
            "MODAL_IMAGE_BUILDER_VERSION": IMAGE_BUILDER,
            # Printed for a program: one line each, however long an address is.
            "COLUMNS": "500",
            "NO_COLOR": "1",
            "TERM": "dumb",
            "PYTHONUNBUFFERED": "1",
        }


def settings(order: Order) -> Settings:
    """What the web's containers will read. Raises Stopped naming what is missing or can't be right: what is deployed is
    never embedded or simulated, in staging neither."""
    told = {**order.secret, "CHATSMART_ENV": order.env}
    if order.deployment.llama_gpu:
        if not order.file.get("LLAMA_API_KEY"):
            raise Stopped(
                f"{order.path}: LLAMA_API_KEY is missing: the pool lets in only who has a proxy token of the "
                "workspace, wk-…:ws-… (docs/deploy.md).",
                code=2,
            )
        told |= {"LLAMA_BASE_URL": "https://pool.invalid/v1", "LLAMA_MODEL": order.deployment.llama_model}
    try:
        found = Settings.from_env(told)
        replace(found, env="production").check()
    except BadSettings as fault:
        said = fault.message.replace("CHATSMART_ENV is production and these", "These")
        raise Stopped(f"{order.path}: {said}", code=2) from None
    if wrong := _wrong(order.file):
        raise Stopped(f"{order.path}: {wrong}", code=2)
    return found


def _wrong(file: Mapping[str, str]) -> str:
    """What can't be right whatever answers at it; empty where nothing shows. Holds no value."""
    for name in ("SUPABASE_URL", "SUPABASE_JWKS_URL"):
        if value := file.get(name):
            parts = urlsplit(value)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                return f"{name} has to be an address that begins with https://."
    if (domain := file.get("CHATSMART_DOMAIN")) and not _DOMAIN.fullmatch(domain):
        return "CHATSMART_DOMAIN has to be a name like chat.example.com, without https://."
    for name in ("DATABASE_URL", "DATABASE_ADMIN_URL"):
        if (value := file.get(name)) and not value.startswith(("postgres://", "postgresql://")):
            return f"{name} has to begin with postgresql://."
    if pooled(file.get("DATABASE_ADMIN_URL", "")):
        return "DATABASE_ADMIN_URL names the transaction pooler (port 6543); migrations need port 5432."
    for name, value in file.items():
        if name.endswith("_KEY") and not (value.isascii() and value.isprintable()):
            return f"{name} can't be sent: a key is plain ASCII. Is it the sample's?"
    return ""


def deployment(env: str, file: Mapping[str, str], path: Path) -> Deployment:
    """What the file says is deployed. Raises Stopped, also for a file that is another environment's."""
    named = file.get("CHATSMART_ENV") or env
    if named != env:
        raise Stopped(
            f"{path} is for {named} (CHATSMART_ENV), and --env says {env}: one of them is wrong.", code=2
        )
    try:
        return Deployment.from_env({**file, "CHATSMART_ENV": env})
    except BadSettings as fault:
        raise Stopped(f"{path}: {fault.message}", code=2) from None


def file_of(env: str, named: Path | None, *, needed: bool = True) -> tuple[Path, Mapping[str, str]]:
    """The settings file of an environment, and what stands in it; nothing, where it is not there and not needed. Raises
    Stopped."""
    path = named or Path(f".env.{env}")
    if not needed and named is None and not path.exists():
        return path, {}
    return path, read(path)


def python(*words: str) -> list[str]:
    """A command of this very Python."""
    return [sys.executable, *words]
