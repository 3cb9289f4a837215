"""What runs on Modal without a GPU: the web, the ingress of webhooks, the jobs and the worker. A thin shell: everything
that it starts also runs without Modal.

What an idle month costs is computed from the sizes (`infra/cost`): nothing is kept warm unless `CHATSMART_WARM` says
so, and a job's container is gone two seconds after its turn.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import modal

from functions.cloud.fresh import Fresh
from functions.cloud.loading import loading
from functions.jobs.schedule import job
from functions.sizes import JOB, WEB, WEBHOOKS, WORKER
from shared.config import REQUIRED, Deployment, Settings, snapshotting

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.applications import Starlette

DEPLOYMENT = Deployment.from_env()
UV_VERSION = "0.9.11"
_LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
_NOT_SHIPPED = ["**/__pycache__/**", "**/*.pyc"]
"""Everything else is: Modal's own default would leave SQL, word lists and models' tables behind."""

image = (
    modal.Image.debian_slim(python_version="3.11")
    .uv_pip_install(
        requirements=[str(_LOCK)], extra_options="--require-hashes --no-deps", uv_version=UV_VERSION
    )
    .workdir("/root")
    .add_local_python_source("shared", "functions", ignore=_NOT_SHIPPED, copy=True)
    # Sources that nobody compiled would cost every start without a snapshot about half a second.
    .run_commands("python -m compileall -q --invalidation-mode unchecked-hash shared functions")
)
secrets = [modal.Secret.from_name("chatsmart", required_keys=list(REQUIRED))]
env: dict[str, str | None] = dict(DEPLOYMENT.as_env())
app = modal.App("chatsmart-functions", image=image, secrets=secrets, include_source=False)


@app.cls(
    env=env,
    cpu=WEB.cpu,
    memory=WEB.memory,
    min_containers=DEPLOYMENT.warm,
    max_containers=WEB.most,
    scaledown_window=WEB.idle,
    startup_timeout=60,
    timeout=900,
    enable_memory_snapshot=True,
)
@modal.concurrent(max_inputs=100, target_inputs=60)
class Web:
    """The API. The snapshot of its memory holds the app as it is before it has opened anything."""

    @modal.enter(snap=True)
    def build(self) -> None:
        """Import and build everything; connect to nothing and ask for nothing random."""
        with loading(late=snapshotting()):
            self.app = Fresh(_web)

    @modal.enter(snap=False)
    def freshen(self) -> None:
        """Secrets may have changed since the snapshot was taken: build anew where they have."""
        self.app.freshen()

    @modal.asgi_app(label="chatsmart", custom_domains=[DEPLOYMENT.domain] if DEPLOYMENT.domain else None)
    def serve(self) -> "FastAPI":
        """The app; its lifespan connects to the stores and, at the container's end, hands over what is running."""
        return self.app.made


@app.cls(
    env=env,
    cpu=WEBHOOKS.cpu,
    memory=WEBHOOKS.memory,
    max_containers=WEBHOOKS.most,
    scaledown_window=WEBHOOKS.idle,
    startup_timeout=60,
    timeout=60,
    enable_memory_snapshot=True,
)
@modal.concurrent(max_inputs=50, target_inputs=25)
class Webhooks:
    """What other services call us by. Its own containers: a burst of chats must not keep them waiting."""

    @modal.enter(snap=True)
    def build(self) -> None:
        """Import and build; connect to nothing."""
        with loading(late=False):
            self.app = Fresh(_ingress)

    @modal.enter(snap=False)
    def freshen(self) -> None:
        """As `Web.freshen`."""
        self.app.freshen()

    @modal.asgi_app(label="chatsmart-webhooks")
    def serve(self) -> "Starlette":
        """The ingress."""
        return self.app.made


@app.function(
    env=env,
    cpu=WORKER.cpu,
    memory=WORKER.memory,
    max_containers=WORKER.most,
    scaledown_window=WORKER.idle,
    timeout=900,
    retries=modal.Retries(max_retries=3, initial_delay=20.0, backoff_coefficient=2.0),
)
async def write(run: str) -> bool:
    """Go on with one document that its container left, and see it through. Whether there was anything to do: it is
    claimed in the database, so that a second call for it does nothing."""
    from functions.cloud.working import write_one

    return await write_one(Settings.from_env(), run)


async def _turn(name: str) -> int:
    from functions.cloud.working import run_job

    return await run_job(Settings.from_env(), name)


def _scheduled(name: str) -> "modal.app._FunctionDecoratorType":
    """A function for a job of the table, on its schedule there."""
    one = job(name)
    return app.function(
        env=env,
        cpu=JOB.cpu,
        memory=JOB.memory,
        schedule=modal.Cron(one.cron, timezone="UTC"),
        max_containers=JOB.most,
        scaledown_window=JOB.idle,
        timeout=int(one.limit) + 30,
        retries=modal.Retries(max_retries=2, initial_delay=10.0, backoff_coefficient=2.0),
    )


@_scheduled("orphans")
async def orphans() -> int:
    """See `functions/jobs/orphans.py`."""
    return await _turn("orphans")


@_scheduled("seal")
async def seal() -> int:
    """See `functions/jobs/seal.py`."""
    return await _turn("seal")


@_scheduled("partitions")
async def partitions() -> int:
    """See `functions/jobs/partitions.py`."""
    return await _turn("partitions")


@_scheduled("idempotency")
async def idempotency() -> int:
    """See `functions/jobs/idempotency.py`."""
    return await _turn("idempotency")


@_scheduled("retention")
async def retention() -> int:
    """See `functions/jobs/retention.py`."""
    return await _turn("retention")


def _web(settings: Settings) -> "FastAPI":
    from functions.cloud.parts import deployed
    from functions.web.app import create_app

    return create_app(deployed(settings))


def _ingress(settings: Settings) -> "Starlette":
    from functions.web.ingress import create_ingress

    return create_ingress(settings)
