"""`chatsmart doctor`: what this installation needs, checked one by one, each failure with its remedy."""

import asyncio
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from infra.cli.finding import Finding
from infra.cli.provider_checks import provider_check
from infra.cli.screen import put
from infra.cli.store_checks import store_checks
from infra.cli.supabase_checks import supabase_checks
from infra.cli.target import Server, running
from infra.cli.trouble import Trouble
from shared.config import PROVIDERS, BadSettings, Settings

LOCK = Path(__file__).resolve().parents[2] / "requirements.lock"
LEAST_FREE = 1 << 30
"""Bytes: a fresh home takes 80 MB, and Postgres stops at a full disk."""


def doctor(*, as_json: bool) -> None:
    """Print all findings. Raises Trouble where one has failed."""
    checks = asyncio.run(_all())
    width = max(len(check.name) for check in checks)
    for check in checks:
        if as_json:
            put(asdict(check))
            continue
        mark = {"ok": "✓", "failed": "✗", "skipped": "·"}[check.status]
        advice = f"\n{'':{width + 4}}→ {check.advice}" if check.advice else ""
        print(f"{mark} {check.name:<{width}}  {check.found}{advice}")
    failed = [check.name for check in checks if check.status == "failed"]
    if failed:
        sys.stdout.flush()
        raise Trouble("" if as_json else f"Wrong: {', '.join(failed)}.")


async def _all() -> list[Finding]:
    checks = [python(), packages()]
    try:
        settings = Settings.from_env()
    except BadSettings as fault:
        return [*checks, Finding("settings", "failed", fault.message, "Correct the variable and try again.")]
    checks.append(Finding("settings", "ok", f"{settings.env}, home {settings.home}"))
    server = running(settings.home)
    checks += [disk(settings.home), port(settings, server)]
    checks += [*await store_checks(settings, server), *await supabase_checks(settings)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(provider_check(name, settings)) for name in PROVIDERS]
    return checks + [task.result() for task in tasks]


def python() -> Finding:
    """The interpreter."""
    text = ".".join(map(str, sys.version_info[:3]))
    if tuple(sys.version_info) < (3, 11):
        return Finding("python", "failed", text, "ChatSmart needs 3.11 or newer.")
    return Finding("python", "ok", f"{text} at {sys.executable}")


def pinned(lock: str) -> Iterator[tuple[str, str, bool]]:
    """Name, version and whether it is needed on every machine, of each line of a lock."""
    for name, wanted, marker in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)( *;)?", lock, re.MULTILINE):
        yield name, wanted, not marker


def packages(lock: Path = LOCK) -> Finding:
    """What is installed against what was tested."""
    if not lock.exists():
        return Finding("packages", "skipped", "no lock beside this installation")
    wrong = []
    total = 0
    for name, wanted, everywhere in pinned(lock.read_text("utf-8")):
        try:
            have = version(name)
        except PackageNotFoundError:
            have = ""
        total += 1
        if (have and have != wanted) or (not have and everywhere):
            wrong.append(f"{name} {have or 'is missing'} (locked: {wanted})")
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        return Finding("packages", "failed", ", ".join(wrong[:3]) + more, "Run `make install`.")
    return Finding("packages", "ok", f"{total} as locked")


def disk(home: Path) -> Finding:
    """Room where the data lies or will lie."""
    there = next(folder for folder in (home.resolve(), *home.resolve().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    found = f"{free / (1 << 30):.1f} GiB free at {there}"
    if free < LEAST_FREE:
        return Finding("disk", "failed", found, "Free some, or point CHATSMART_HOME elsewhere.")
    return Finding("disk", "ok", found)


def port(settings: Settings, server: Server | None) -> Finding:
    """Whether `chatsmart up` could serve, or does."""
    if server is not None:
        return Finding("port", "ok", f"serving at {server.url}, process {server.pid}")
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((settings.host, settings.port))
        except OSError as error:
            found = f"{settings.host}:{settings.port}: {error.strerror}"
            return Finding("port", "failed", found, "Take another: CHATSMART_PORT=8001 chatsmart up.")
    return Finding("port", "ok", f"{settings.host}:{settings.port} is free")
