"""What a plugin's container on Modal is asked to be."""

import pytest

from functions.cloud.containers import ModalContainers
from shared.core.faults import Unavailable
from shared.ports.sandbox import Bounds
from tests.contract.modal_plane import deployed

LINES = "print('{}'); input(); print('x' * 100)"


async def test_a_container_has_no_network_no_secrets_and_hard_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a program does, it reaches nobody, knows nothing, and is over in a time that its bounds give."""
    async with deployed(monkeypatch) as plane:
        containers = ModalContainers(client=plane.client)
        container = await containers.open(LINES, Bounds(seconds=2, door_seconds=30, memory=64 * 2**20))
        assert await container.line(100) == b"{}\n"
        await container.send(b"go\n")
        with pytest.raises(ValueError, match="too long"):
            await container.line(50)
        await container.end()
        await containers.close()
        (asked,) = plane.machines.asked
        assert asked.network_access.network_access_type == asked.network_access.BLOCKED
        assert list(asked.secret_ids) == []
        assert asked.timeout_secs == 62
        assert (asked.resources.memory_mb, asked.resources.memory_mb_max) == (128, 128)
        assert (asked.resources.milli_cpu, asked.resources.milli_cpu_max) == (125, 1000)
        assert list(asked.volume_mounts) == []
        assert plane.machines.running == 0


async def test_an_app_that_is_not_there_has_no_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin's call is then refused for now, and nothing of ours breaks."""
    async with deployed(monkeypatch) as plane:
        with pytest.raises(Unavailable):
            await ModalContainers("nothing-of-that-name", client=plane.client).open(LINES, Bounds())


async def test_a_container_that_is_gone_ends_the_talk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stream ends, and writing to it is an OSError."""
    async with deployed(monkeypatch) as plane:
        container = await ModalContainers(client=plane.client).open("pass", Bounds())
        assert await container.line(100) == b""
        await container.end()
        with pytest.raises(OSError, match="gone"):
            await container.send(b"go\n")
