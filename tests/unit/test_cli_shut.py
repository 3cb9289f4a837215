"""While sockets are shut nothing leaves the process."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from infra.cli.shut import SocketsShut, sockets_shut


def _connect() -> None:
    with socket.socket() as sock:
        sock.connect(("127.0.0.1", 9))


def _bind() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))


def _send() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", ("127.0.0.1", 9))


def _look_up() -> None:
    socket.getaddrinfo("localhost", 80)


def _start() -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)


@pytest.mark.parametrize("way", [_connect, _bind, _send, _look_up, _start])
def test_every_way_out_is_refused(way: Callable[[], None]) -> None:
    """Connecting, binding, sending, looking a name up and starting a process all raise."""
    with sockets_shut(), pytest.raises(SocketsShut):
        way()


def test_other_threads_are_shut_in_too() -> None:
    """The door is the process's, not the thread's."""
    caught: list[BaseException] = []

    def leave() -> None:
        try:
            _connect()
        except SocketsShut as error:
            caught.append(error)

    with sockets_shut():
        thread = threading.Thread(target=leave)
        thread.start()
        thread.join()
    assert len(caught) == 1


def test_the_door_opens_again() -> None:
    """After the block, and after one that raised, sockets work as before."""
    with pytest.raises(SocketsShut), sockets_shut():
        _bind()
    _bind()
