"""The pool's App as it is declared, in processes of its own: it is made from the environment when it is imported."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TELL = """
import json
import gpu.app as pool
server, weights = pool.Llama.info(), pool.weights.info()
print(json.dumps({
    "gpus": server.gpus, "unauthenticated": server.unauthenticated, "region": server.routing_region,
    "startup": server.startup_timeout, "grace": server.exit_grace_period, "cpu": server.cpu,
    "compute": server.compute_regions, "volumes": sorted(server.volumes), "secrets": server.secrets,
    "names": sorted(mount.name for mount in server.volumes.values()),
    "ready": pool.LLAMA.boot, "drain": pool.DRAIN_SECONDS, "end": pool.END_SECONDS,
    "weights_gpus": weights.gpus, "weights_timeout": weights.timeout,
    "serving": pool.serving, "env": pool.env,
}))
"""


def told(script: str = TELL, **env: str) -> "subprocess.CompletedProcess[str]":
    """What a process says that imports the App with this environment and no other."""
    return subprocess.run(
        [sys.executable, "-c", script], env=env, cwd=ROOT, capture_output=True, text=True, timeout=60
    )


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    """The App of an L40S."""
    found: dict[str, Any] = json.loads(told(CHATSMART_LLAMA_GPU="L40S").stdout)
    return found


def test_a_replica_is_bound_in_time_and_place(plain: dict[str, Any]) -> None:
    """Modal waits for longer than the keeper does, kills later than the keeper does, and the keeper waits for longer
    than the server's own drain; nothing is pinned to a region, and callers are asked who they are."""
    assert plain["gpus"] == [["L40S", 1]]
    assert plain["unauthenticated"] is False
    assert plain["region"] == "us-east"
    assert plain["compute"] is None
    assert plain["startup"] >= max(900, plain["ready"] + 60)
    assert plain["drain"] < plain["end"] < plain["grace"]


def test_weights_are_fetched_without_a_gpu_and_never_by_a_server(plain: dict[str, Any]) -> None:
    """The download runs on a CPU; a server is offline to the hub."""
    assert not plain["weights_gpus"]
    assert plain["weights_timeout"] >= 3600
    assert plain["serving"]["HF_HUB_OFFLINE"] == "1"
    assert "HF_HUB_OFFLINE" not in plain["env"]
    assert plain["names"] == ["chatsmart-vllm-cache", "chatsmart-weights"]
    assert any("chatsmart-gpu" in secret for secret in plain["secrets"])


def test_the_development_routes_are_shut_without_snapshots(plain: dict[str, Any]) -> None:
    """They open only where a snapshot needs the server to sleep."""
    assert "VLLM_SERVER_DEV_MODE" not in plain["serving"]
    with_snapshot = json.loads(told(CHATSMART_GPU_SNAPSHOT="1").stdout)
    assert with_snapshot["serving"]["VLLM_SERVER_DEV_MODE"] == "1"


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"CHATSMART_LLAMA_GPU": "H900"}, "There is no GPU kind 'H900'; did you mean H200?"),
        ({"CHATSMART_LLAMA_GPU": "L4", "CHATSMART_LLAMA_MODEL": "llama-3.3-70b"}, "It fits on H100:2"),
        ({"CHATSMART_LLAMA_MODEL": "llama-4"}, "The pool has no model 'llama-4'; did you mean llama-3"),
        ({"CHATSMART_ENV": "production", "CHATSMART_LLAMA_DUMMY": "1"}, "in production it must be empty"),
    ],
)
def test_what_can_not_be_is_refused_when_it_is_deployed(env: dict[str, str], words: str) -> None:
    """Modal takes any name of a GPU: here, it is the import that fails, before anything is built."""
    done = told("import gpu.app", **env)
    assert done.returncode == 1
    assert words in done.stderr.splitlines()[-1]


def test_a_server_is_started_from_the_checked_weights(tmp_path: Path) -> None:
    """Without weights nothing is started, and the message says what to run; with them, the command names them."""
    script = f"""
from dataclasses import replace
from pathlib import Path
import gpu.app as pool
from gpu.weights import WeightsFault, fetch
pool.WEIGHTS = Path({str(tmp_path)!r})
try:
    pool.launch()
except WeightsFault as fault:
    print(fault)
def download(llama, place, dummy):
    (place / "config.json").write_text("x")
fetch(pool.LLAMA, pool.WEIGHTS, download, dummy=True)
launch = pool.launch()
print(launch.argv[4], launch.cwd == Path.cwd(), launch.served, launch.ready, launch.drain)
"""
    lines = told(script, CHATSMART_LLAMA_DUMMY="1").stdout.splitlines()
    assert lines[0].endswith("Run `modal run -m gpu.app::weights`.")
    assert lines[1].startswith(str(tmp_path / "llama-3.1-8b"))
    assert lines[1].split()[1:] == ["True", "meta-llama/Llama-3.1-8B-Instruct", "840", "105"]


def test_the_lock_holds_the_version_that_was_tested() -> None:
    """vLLM at the version of the contract tests, everything by hash, and no address."""
    lock = (ROOT / "gpu" / "requirements.lock").read_text()
    asked = [line for line in (ROOT / "gpu" / "requirements.in").read_text().splitlines() if line[0] != "#"]
    assert asked == ["vllm==0.32.0"]
    assert "\nvllm==0.32.0 \\\n" in lock
    pins = [line for line in lock.replace("\\\n", " ").splitlines() if line.strip() and line[0] != "#"]
    assert len(pins) > 100
    assert all("==" in line and "--hash=sha256:" in line for line in pins)
    assert "://" not in lock
