"""Two containers restored from one snapshot of memory do not mint the same ids."""

import platform
import subprocess
import sys

import pytest

# A fork by the bare system call is the nearest thing to a restored snapshot: memory is the same, and no library is
# told (`os.fork` would tell those that reseed themselves).
_TWICE = """
import ctypes, os
from shared.adapters.clock import RandomIds
ids = RandomIds()
ids.uuid(), ids.secret()
for _ in range(2):
    if ctypes.CDLL(None).syscall({number}) == 0:
        made = "".join(f"{{ids.uuid().hex[16:]}} {{ids.secret()}} " for _ in range(50))
        os.write(1, made.encode())
        os._exit(0)
    os.wait()
"""
_FORK = 57
"""The number of fork(2) on x86-64."""


@pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="another number for the call there"
)
def test_ids_after_a_snapshot_differ() -> None:
    """What follows the time in an id, and a secret, come from the system and not from memory that was copied."""
    done = subprocess.run(
        [sys.executable, "-c", _TWICE.format(number=_FORK)], capture_output=True, text=True, check=True
    )
    made = done.stdout.split()
    assert len(made) == 200
    assert len(set(made)) == len(made)
