"""The Llama pool on Modal: vLLM behind `@app.server`, and the function that puts the weights on the volume. Which GPU,
which model and whether at all stands in `shared.config.Deployment`.

A replica's address asks for Modal's proxy token (the default): a caller without one never wakes a GPU.
"""

import os
import sys
from math import ceil
from pathlib import Path

import modal

from gpu.flags import DRAIN_SECONDS, PORT, flags_for
from gpu.kinds import MIB, kind_named
from gpu.llamas import fitting, llama_named
from gpu.process import Engine, Launch, PoolFault
from gpu.weights import check, fetch
from shared.config import BadSettings, Deployment

DEPLOYMENT = Deployment.from_env()
KIND = kind_named(DEPLOYMENT.llama_gpu or "L4")
LLAMA = fitting(llama_named(DEPLOYMENT.llama_model), KIND)
if DEPLOYMENT.llama_dummy and DEPLOYMENT.env == "production":
    raise BadSettings("CHATSMART_LLAMA_DUMMY is for trying a configuration: in production it must be empty.")
UV_VERSION = "0.9.11"
WEIGHTS = Path("/weights")
CACHE = Path("/vllm-cache")
STATE = Path("/run/chatsmart-pool")
_HERE = Path(__file__).resolve().parents[1]
_LOCK = _HERE / "gpu" / "requirements.lock"
_NOT_SHIPPED = ["**/__pycache__/**", "**/*.pyc"]
END_SECONDS = DRAIN_SECONDS + 15
"""From the order to end until the process is killed; Modal kills the container 15 seconds later."""

app = modal.App("chatsmart-gpu", include_source=False)
secrets = [modal.Secret.from_name("chatsmart-gpu", required_keys=["HF_TOKEN"])]
weights_volume = modal.Volume.from_name("chatsmart-weights", create_if_missing=True)
cache_volume = modal.Volume.from_name("chatsmart-vllm-cache", create_if_missing=True)
image = (
    modal.Image.debian_slim(python_version="3.11")
    .uv_pip_install(
        requirements=[str(_LOCK)], extra_options="--require-hashes --no-deps", uv_version=UV_VERSION
    )
    .add_local_python_source("gpu", "shared", ignore=_NOT_SHIPPED)
)
env: dict[str, str | None] = {
    **DEPLOYMENT.as_env(),
    "CHATSMART_POOL_STATE": str(STATE),
    "VLLM_CACHE_ROOT": str(CACHE),
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_DO_NOT_TRACK": "1",
    "VLLM_LOGGING_LEVEL": "INFO",
}
serving: dict[str, str | None] = {**env, "HF_HUB_OFFLINE": "1"}
if DEPLOYMENT.gpu_snapshot:
    # Opens /sleep and /wake_up, and much else: `gpu.front` answers 404 to all of it from outside.
    serving |= {"VLLM_SERVER_DEV_MODE": "1", "TORCH_CPP_LOG_LEVEL": "FATAL"}


@app.function(image=image, secrets=secrets, env=env, volumes={str(WEIGHTS): weights_volume}, timeout=3600)
def weights() -> str:
    """Put the deployed model's weights on the volume, at the pinned commit; where they lie. Run it once before the
    first replica: `modal run -m gpu.app::weights`. Raises WeightsFault."""
    weights_volume.reload()
    place = fetch(LLAMA, WEIGHTS, dummy=DEPLOYMENT.llama_dummy)
    weights_volume.commit()
    return str(place)


@app.server(
    image=image,
    secrets=secrets,
    env=serving,
    gpu=KIND.name,
    cpu=KIND.cores,
    # The picture of a sleeping server holds its weights in the machine's memory.
    memory=KIND.gib * 1024 + (ceil(LLAMA.weights / MIB) if DEPLOYMENT.gpu_snapshot else 0),
    volumes={str(WEIGHTS): weights_volume, str(CACHE): cache_volume},
    port=PORT,
    target_concurrency=KIND.wanted,
    max_concurrency=KIND.admitted,
    min_containers=0,
    max_containers=KIND.most,
    scaledown_window=300,
    startup_timeout=LLAMA.boot + 60,
    exit_grace_period=END_SECONDS + 15,
    routing_region="us-east",
    enable_memory_snapshot=DEPLOYMENT.gpu_snapshot,
    experimental_options={"enable_gpu_snapshot": True} if DEPLOYMENT.gpu_snapshot else None,
)
class Llama:
    """One replica. Modal sends requests once both `enter` methods have returned."""

    @modal.enter(snap=DEPLOYMENT.gpu_snapshot)
    def start(self) -> None:
        """Start the server and warm it; with snapshots, put it to sleep for the picture to be taken. Raises
        WeightsFault or PoolFault: Modal then starts another container."""
        self.engine = Engine(launch())
        took = self.engine.start()
        _say(f"{LLAMA.name} on {KIND.name} was ready after {took:.1f} s")
        if DEPLOYMENT.gpu_snapshot:
            self.engine.order("/sleep?level=1")
        else:
            self.engine.watch(_end)

    @modal.enter(snap=False)
    def awake(self) -> None:
        """Wake it where it slept; where a restored one does not wake, start it anew, as if there were no snapshots."""
        if not DEPLOYMENT.gpu_snapshot:
            return
        try:
            self.engine.order("/wake_up")
        except PoolFault as fault:
            _say(f"The snapshot could not be used: {fault}")
            self.engine.stop(patience=5.0)
            self.engine = Engine(launch())
            self.engine.start()
        self.engine.watch(_end)

    @modal.exit()
    def stop(self) -> None:
        """Refuse new requests, finish those that are being answered, end."""
        _say(f"The server has ended: {self.engine.stop()}")


def launch() -> Launch:
    """How a replica starts its server. Raises WeightsFault."""
    place = check(LLAMA, WEIGHTS, dummy=DEPLOYMENT.llama_dummy)
    flags = flags_for(
        LLAMA, KIND, folder=str(place), dummy=DEPLOYMENT.llama_dummy, sleeps=DEPLOYMENT.gpu_snapshot
    )
    return Launch(
        argv=flags.argv(),
        cwd=_HERE,
        state=STATE,
        port=PORT,
        served=LLAMA.served,
        ready=LLAMA.boot,
        drain=END_SECONDS,
    )


def _say(text: str) -> None:
    """Into the container's log."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _end(fault: PoolFault) -> None:
    """End the container: nothing mends a dead engine, and Modal sends nobody to a container that is gone."""
    _say(f"This replica ends: {fault}")
    os._exit(1)
