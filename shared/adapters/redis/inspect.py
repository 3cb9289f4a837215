"""What `doctor` finds out about a Redis: whether it will do."""

import asyncio
from dataclasses import dataclass
from typing import Any, Literal

from shared.adapters.redis.address import Address, BadAddress, address_of
from shared.adapters.redis.connection import ERRORS, RedisConnection
from shared.adapters.redis.needs import COMMANDS, OLDEST
from shared.adapters.redis.troubles import told
from shared.core.faults import Unavailable

_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    status: Literal["ok", "failed"]
    what: str
    advice: str = ""


async def inspect(url: str) -> list[Finding]:
    """Everything there is to say; one finding where it can't be reached. Shows no password. Never fails."""
    try:
        address, connection = address_of(url), RedisConnection(url)
    except BadAddress as error:
        return [Finding("redis", "failed", str(error), "Mend REDIS_URL.")]
    except ValueError:
        return [Finding("redis", "failed", "REDIS_URL is no address", "Mend REDIS_URL.")]
    try:
        async with asyncio.timeout(_SECONDS):
            await connection.ready()
            commands: Any = connection.commands
            info = _flat(await commands.info())
            missing = await _missing(commands, address)
    except Unavailable as fault:
        return [Finding("redis", "failed", fault.message, "Check REDIS_URL, or restart `chatsmart up`.")]
    except ERRORS as error:
        return [Finding("redis", "failed", told(error), "Check REDIS_URL, or restart `chatsmart up`.")]
    finally:
        await connection.close()
    return [_version(info), _tls(address), _kind(info, address), _memory(info), _commands(missing)]


def _flat(info: dict[str, Any]) -> dict[str, Any]:
    """Of a cluster the first node's: they are alike."""
    first = next(iter(info.values()), None)
    return first if isinstance(first, dict) and "redis_version" in first else info


async def _missing(commands: Any, address: Address) -> list[str] | None:
    """Commands that it does not have; None where it does not say."""
    where = {"target_nodes": "random"} if address.cluster else {}
    try:
        told_ = await commands.execute_command("COMMAND INFO", *COMMANDS, **where)
    except ERRORS:
        return None
    rows = told_.values() if isinstance(told_, dict) else told_
    return [name for name, row in zip(COMMANDS, rows, strict=False) if not row]


def _version(info: dict[str, Any]) -> Finding:
    text = str(info.get("redis_version", ""))
    parts = tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
    if parts and parts < OLDEST:
        return Finding("redis", "failed", f"version {text}", "ChatSmart needs Redis 6.2 or newer.")
    return Finding("redis", "ok", f"version {text or 'is not told'}")


def _tls(address: Address) -> Finding:
    if address.tls:
        return Finding("redis TLS", "ok", "the certificate is checked")
    return Finding("redis TLS", "ok", "plain text: for this machine or a network of your own only")


def _kind(info: dict[str, Any], address: Address) -> Finding:
    enabled = info.get("cluster_enabled")
    if enabled and not address.cluster:
        advice = "Write redis+cluster:// or rediss+cluster:// in REDIS_URL."
        return Finding("redis cluster", "failed", "it is a cluster, and REDIS_URL does not say so", advice)
    return Finding("redis cluster", "ok", "a cluster" if address.cluster else "one server")


def _memory(info: dict[str, Any]) -> Finding:
    policy = str(info.get("maxmemory_policy", "not told"))
    limit, used = int(info.get("maxmemory", 0) or 0), int(info.get("used_memory", 0) or 0)
    share = f", {used * 100 // limit} % of {limit // 2**20} MiB in use" if limit else ""
    if policy == "noeviction" and limit and used > limit * 0.9:
        advice = "Give it more memory: a full one refuses to set money aside, and every request fails."
        return Finding("redis memory", "failed", f"{policy}{share}", advice)
    return Finding("redis memory", "ok", f"{policy}{share}")


def _commands(missing: list[str] | None) -> Finding:
    if missing:
        return Finding(
            "redis commands",
            "failed",
            f"it lacks {', '.join(missing)}",
            "Use another Redis: these are needed.",
        )
    return Finding(
        "redis commands", "ok", "not told" if missing is None else f"all {len(COMMANDS)} are there"
    )
