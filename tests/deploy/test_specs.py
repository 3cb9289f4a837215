"""What Modal would have got of every function, class and server: the settings that cost money or let strangers in."""

import subprocess
from pathlib import Path

import pytest

from functions.jobs.schedule import JOBS
from gpu.flags import DRAIN_SECONDS
from infra.simulator.modal import Plane
from infra.simulator.modal.crontab import wrong
from infra.simulator.modal.received import Function, Version
from shared.config import REQUIRED
from tests.deploy.command import ENVIRONMENT, REVISION, ROOT
from tests.deploy.conftest import GPU

pytestmark = pytest.mark.xdist_group("modal-specs")  # one deployment for all of them

OUR_GPUS = {"L4", "L40S", "H100", "H100:2", "A100-80GB"}
"""What we are willing to pay for."""
GUARDED_BY_THE_APP = {"Web.*", "Webhooks.*"}
"""Public on purpose: the API asks for keys itself, the ingress for signatures (`test_entry_point.py` shows both)."""
POOL = {"Llama", "weights"}
JOB_NAMES = {one.name for one in JOBS}


@pytest.fixture
def version(deployed: Plane) -> Version:
    """What runs, the pool included."""
    return deployed.app("chatsmart", ENVIRONMENT).now


def test_everything_is_deployed_once(version: Version) -> None:
    """One App holds the web, the ingress, the worker, a function for each job, and the pool; nothing else."""
    assert set(version.functions) == {"Web.*", "Webhooks.*", "write"} | JOB_NAMES | POOL


def test_the_tags_tell_what_runs(version: Version) -> None:
    """The App's tags name the environment and the revision, and so does every container's environment."""
    assert version.tags == {"env": ENVIRONMENT, "revision": REVISION}
    for one in version.functions.values():
        assert one.env["CHATSMART_REVISION"] == REVISION, one.tag
        assert one.env["CHATSMART_ENV"] == ENVIRONMENT, one.tag


def test_gpus_are_such_as_we_pay_for(version: Version) -> None:
    """Only the pool's server has a GPU, the one that was asked for; it stands in our own list."""
    found = {one.tag: [gpu.kind for gpu in one.gpus] for one in version.functions.values() if one.gpus}
    assert found == {"Llama": [GPU]}
    assert GPU in OUR_GPUS


def test_jobs_run_by_valid_crontabs(version: Version) -> None:
    """A job is called by the clock alone: a right crontab in UTC, no arguments, one container at most, tried again."""
    scheduled = {tag: one for tag, one in version.functions.items() if one.cron or one.every}
    assert set(scheduled) == JOB_NAMES
    for job in JOBS:
        one = scheduled[job.name]
        assert (one.cron, one.timezone, one.every) == (job.cron, "UTC", False)
        assert wrong(one.cron) == ""
        assert one.arguments == ()
        assert one.autoscaler.max_containers == 1
        assert not one.webs
        assert one.retries is not None
        assert one.retries.count > 0
        assert one.timeout > job.limit


def test_secrets_are_checked_at_the_deploy(version: Version) -> None:
    """Every secret that has a name says which keys it must have; the pool gets none of the web's."""
    for one in version.functions.values():
        named = {secret.name: secret.required_keys for secret in one.secrets if secret.name}
        wanted = {"chatsmart-gpu": ("HF_TOKEN",)} if one.tag in POOL else {"chatsmart": REQUIRED}
        assert named == wanted, one.tag


def test_no_secret_stands_in_the_deployment(version: Version) -> None:
    """What a deployment says of itself, without a secret, holds no key and no address of a store."""
    for one in version.functions.values():
        for name in one.env:
            assert name not in REQUIRED, one.tag
            assert not name.endswith(("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")), (one.tag, name)


def test_weights_lie_on_volumes(version: Version) -> None:
    """The pool has weights and vLLM's cache on volumes; nothing else has any."""
    found = {one.tag: {volume.name for volume in one.volumes} for one in version.functions.values()}
    assert found.pop("Llama") == {"chatsmart-weights", "chatsmart-vllm-cache"}
    assert found.pop("weights") == {"chatsmart-weights"}
    assert set(map(frozenset, found.values())) == {frozenset()}


def test_nothing_costs_without_bound(version: Version) -> None:
    """Everything has a bound on containers; but for the web, whose warmth is a setting, nothing runs unasked."""
    for one in version.functions.values():
        bounds = one.autoscaler
        assert one.tag == "weights" or bounds.max_containers, one.tag
        assert not bounds.min_containers, one.tag
        assert not bounds.buffer_containers, one.tag
        assert 0 < one.timeout <= 3600, one.tag
        assert one.tag == "weights" or 2 <= (bounds.scaledown_window or 0) <= 300, one.tag
        assert not one.nonpreemptible, one.tag


def test_no_region_is_paid_for(version: Version) -> None:
    """A pinned region costs half as much again: no function names one."""
    assert {one.tag: one.regions for one in version.functions.values() if one.regions} == {}


def test_webs_take_many_requests_at_once(version: Version) -> None:
    """A web class takes many requests in a container, aims below that, and is snapshotted; a worker takes one."""
    for one in version.functions.values():
        if one.webs:
            assert one.max_inputs > one.target_inputs > 1, one.tag
            assert one.snapshot, one.tag
        elif one.server is None:
            assert one.max_inputs <= 1, one.tag
    assert version.functions["Web.*"].timeout >= 600


def test_no_web_is_open_by_oversight(version: Version) -> None:
    """A web address asks for Modal's proxy token, or is one of those whose app asks for credentials itself."""
    open_ones = {
        one.tag for one in version.functions.values() if any(not web.proxy_auth for web in one.webs.values())
    }
    assert open_ones == GUARDED_BY_THE_APP


def test_the_pool_is_closed_and_patient(version: Version) -> None:
    """The GPU server asks for a token, has time to load and to drain, is routed where it always was, and lets go."""
    pool = version.functions["Llama"]
    assert pool.server is not None
    assert not pool.server.unauthenticated
    assert pool.server.startup_timeout >= 600
    assert pool.server.exit_grace_period > DRAIN_SECONDS
    assert pool.server.regions in ((), ("us-east",))
    assert pool.autoscaler.max_containers
    assert (pool.autoscaler.scaledown_window or 10_000) <= 300
    assert pool.autoscaler.target_concurrency
    assert pool.experimental.get("enable_gpu_snapshot") is None
    assert not pool.snapshot


def test_images_are_pinned(version: Version) -> None:
    """Every image is Python 3.11 and installs from a lock with hashes, by a pinned uv."""
    for one in version.functions.values():
        assert one.image is not None
        steps = "\n".join(one.image.commands)
        assert "FROM python:3.11." in steps, one.tag
        assert "/uv:latest" not in steps, one.tag
        assert "ghcr.io/astral-sh/uv:0." in steps, one.tag
        assert "--require-hashes" in steps, one.tag
        assert "--no-deps" in steps, one.tag
        (lock,) = [body for name, body in one.image.files.items() if name.endswith("requirements.lock")]
        own = "gpu/requirements.lock" if one.tag in POOL else "requirements.lock"
        assert lock == (ROOT / own).read_bytes(), one.tag
        assert b"--hash=sha256:" in lock
        assert one.image.builder == "2025.06"


@pytest.mark.parametrize("tag", ["Web.*", "Webhooks.*", "write", *sorted(JOB_NAMES)])
def test_our_sources_are_compiled_in_the_image(version: Version, tag: str) -> None:
    """All of them, after they were copied and where they lie; what was compiled is not compared with its source."""
    image = version.functions[tag].image
    assert image is not None
    where, copied, compiled = (
        image.commands.index(step)
        for step in (
            "WORKDIR /root",
            "COPY . /",
            "RUN python -m compileall -q --invalidation-mode unchecked-hash shared functions",
        )
    )
    assert where < copied < compiled


@pytest.mark.parametrize("tag", ["Web.*", "Webhooks.*", "write", *sorted(JOB_NAMES)])
def test_every_file_of_ours_is_mounted(deployed: Plane, version: Version, tag: str) -> None:
    """Every tracked file of `shared` and `functions` is in the container: SQL, word lists and templates as well."""
    assert mounted(version.functions[tag]) >= tracked("shared", "functions")


def test_the_pools_files_are_mounted(version: Version) -> None:
    """The pool's containers have every tracked file of `gpu` and `shared`."""
    for tag in POOL:
        assert mounted(version.functions[tag]) >= tracked("shared", "gpu"), tag


def test_nothing_else_is_mounted(version: Version) -> None:
    """Tests, the deployer's own code, compiled files and settings stay at home."""
    for one in version.functions.values():
        for path in mounted(one):
            assert path.parts[0] in {"shared", "functions", "gpu"}, one.tag
            assert path.suffix != ".pyc", one.tag
            assert not path.name.startswith(".env"), one.tag


def test_files_arrive_as_they_are(deployed: Plane, version: Version) -> None:
    """What is mounted is what lies here, byte for byte."""
    for one in version.functions["Web.*"].files:
        path = ROOT / Path(one.path).relative_to("/root")
        if path.suffix != ".py":
            assert deployed.contents(one.sha256) == path.read_bytes(), path


def test_the_addresses_have_fixed_names(version: Version) -> None:
    """The two public addresses have labels of their own, so that a rename in the code moves no address."""
    labels = {
        tag: [web.label for web in one.webs.values()] for tag, one in version.functions.items() if one.webs
    }
    assert labels == {"Web.*": ["chatsmart"], "Webhooks.*": ["chatsmart-webhooks"]}


def mounted(one: Function) -> set[Path]:
    """The files of a container, by their place in the checkout."""
    return {Path(file.path).relative_to("/root") for file in one.files}


def tracked(*packages: str) -> set[Path]:
    """What git knows of these packages, as far as it lies here."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", *packages], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    found = {Path(name) for name in listed.split("\0") if name}
    return {path for path in found if (ROOT / path).is_file()}
