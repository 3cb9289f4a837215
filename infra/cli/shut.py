"""Shutting every socket of this process, so that what is rebuilt is rebuilt from the log alone."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

REFUSED = frozenset(
    {
        "socket.connect",
        "socket.bind",
        "socket.sendto",
        "socket.sendmsg",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
        "subprocess.Popen",
        "os.posix_spawn",
        "os.exec",
        "os.fork",
        "os.system",
    }
)
"""Audit events of CPython that open a way out: the network, and another process that could open one for us."""


class SocketsShut(RuntimeError):
    """Something tried to leave the process while its sockets were shut."""


class _Door:
    """The one hook. An audit hook can't be removed, so it asks this whether it is in force."""

    def __init__(self) -> None:
        self.shut = False
        self.hooked = False

    def hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.shut and event in REFUSED:
            raise SocketsShut(f"{event}{arguments!r:.120} while every socket is shut")


_DOOR = _Door()


@contextmanager
def sockets_shut() -> Iterator[None]:
    """Within, any attempt to reach the network or to start a process raises SocketsShut, in every thread."""
    if not _DOOR.hooked:
        sys.addaudithook(_DOOR.hook)
        _DOOR.hooked = True
    _DOOR.shut = True
    try:
        yield
    finally:
        _DOOR.shut = False
