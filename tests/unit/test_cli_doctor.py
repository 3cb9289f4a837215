"""`chatsmart doctor` finds what is wrong, and says what to do about it."""

import json
import os
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.cli import doctor
from infra.cli.main import app
from infra.cli.provider_checks import provider, provider_check
from infra.cli.target import Server
from shared.config import Settings, Upstream
from tests.unit.loopback import Loopback, as_json, loopback


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home and no settings but it."""
    for name in list(os.environ):
        if name.startswith(
            ("CHATSMART_", "DATABASE_", "REDIS_", "OPENAI_", "ANTHROPIC_", "GEMINI_", "PERPLEXITY_", "LLAMA_")
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CHATSMART_HOME", str(tmp_path))
    monkeypatch.setenv("CHATSMART_PORT", "0")
    return tmp_path


def findings() -> dict[str, dict[str, str]]:
    """What it finds, by name."""
    done = CliRunner().invoke(app, ["doctor", "--json"])
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    failed = any(row["status"] == "failed" for row in rows)
    assert done.exit_code == (1 if failed else 0), done.output
    return {row["name"]: row for row in rows}


def test_a_sound_machine_has_nothing_wrong(alone: Path) -> None:
    """Nothing set: all providers simulated, stores not started, nothing failed."""
    found = findings()
    assert {row["status"] for row in found.values()} <= {"ok", "skipped"}
    assert found["provider openai"]["found"].startswith("simulated")
    assert found["packages"]["status"] == "ok"


def test_a_wrong_setting_ends_the_search(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that can't be right is named."""
    monkeypatch.setenv("CHATSMART_PORT", "http")
    assert "CHATSMART_PORT" in findings()["settings"]["found"]


def test_stores_that_do_not_answer_are_told(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named stores at which nobody answers fail, each with its variable."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://chatsmart_app@127.0.0.1:9/chatsmart")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:9")
    found = findings()
    assert "DATABASE_URL" in found["postgres"]["advice"]
    assert "REDIS_URL" in found["redis"]["advice"]


async def test_a_real_provider_must_answer() -> None:
    """Any status is an answer; a closed port is none."""
    with loopback() as server:
        found = await provider("openai", Upstream(server.url + "/v1", "sk-x"))
    assert found.status == "ok"
    assert "key set" in found.found
    assert "sk-x" not in found.found
    found = await provider("openai", Upstream("http://127.0.0.1:9/v1", ""))
    assert found.status == "failed"
    assert "OPENAI_BASE_URL" in found.advice


@pytest.mark.parametrize(
    ("path", "model", "status", "said"),
    [
        ("/v1", "llama-3.1-8b=llama3.1:8b", "ok", ""),
        ("/v1", "llama-3.1-8b", "failed", "LLAMA_MODEL=llama-3.1-8b=llama3.1:8b"),
        ("", "llama-3.1-8b", "failed", "/v1"),
        ("/v1", "llama-9", "failed", "llama-3.3-70b"),
    ],
)
async def test_the_tier_must_serve_its_model(path: str, model: str, status: str, said: str) -> None:
    """A wrong path, a name that the server does not have and one that the catalogue has not each get their remedy."""
    with loopback() as server:
        server.on("GET /v1/models", as_json({"data": [{"id": "llama3.1:8b"}]}))
        server.on("GET /models", as_json({}, 404))
        env = {"LLAMA_BASE_URL": server.url + path, "LLAMA_MODEL": model}
        found = await provider_check("llama", Settings.from_env(env))
    assert found.status == status, found
    assert said in found.advice


def test_a_busy_port_is_told() -> None:
    """A port in use fails unless it is our own server's."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = Settings(port=taken.getsockname()[1])
        assert doctor.port(busy, None).status == "failed"


def test_a_package_off_its_lock_is_told(tmp_path: Path) -> None:
    """A missing package and another version fail; one that this platform does not need does not."""
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "httpx==0.1 \\\n  --hash=sha256:0\nnot-there-at-all==1.0 \\\nonly-elsewhere==1 ; sys_platform == 'win32' \\\n"
    )
    found = doctor.packages(lock)
    assert found.status == "failed"
    assert "httpx" in found.found
    assert "not-there-at-all is missing" in found.found
    assert "only-elsewhere" not in found.found


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Less room than a database needs fails, whether or not the home is there yet."""
    assert doctor.disk(tmp_path / "not" / "yet").status == "ok"
    monkeypatch.setattr(doctor, "LEAST_FREE", 1 << 60)
    assert doctor.disk(tmp_path).status == "failed"


def test_the_table_marks_each_finding(alone: Path) -> None:
    """For people: a line each, marked."""
    lines = CliRunner().invoke(app, ["doctor"]).stdout.splitlines()
    assert lines[0].startswith("✓ python")
    assert all(line[0] in "✓✗· " for line in lines)


def test_the_server_of_the_home_is_named(alone: Path) -> None:
    """Where the home's server runs, its address stands for the port."""
    server = Loopback("http://127.0.0.1:1", {"GET /": [as_json({})]})
    found = doctor.port(Settings(), Server(server.url, 1))
    assert server.url in found.found
