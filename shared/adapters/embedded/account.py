"""As whom the servers run. Postgres refuses to run as root, so root lends them another account of the system."""

import ctypes
import os
import pwd
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

# <linux/prctl.h> and <linux/capability.h>
_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2
_CAPABILITY_VERSION_3 = 0x20080522


class Account(NamedTuple):
    """A user of the system."""

    uid: int
    gid: int
    name: str


class CannotLower(RuntimeError):
    """Root has no way to run the servers as somebody else."""


def lent(data: Path) -> Account | None:
    """The account for servers whose data lies in `data`; None means: as whoever runs this.

    Data that is there already keeps its owner. Otherwise the person behind sudo, then an account that most systems
    have. Nothing is created: a machine without useradd works too. Raises CannotLower or PermissionError.
    """
    owner = data.stat().st_uid if data.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner != os.geteuid():
            raise PermissionError(
                f"{data} belongs to '{_name(owner)}', and this is '{_name(os.geteuid())}': it was probably first "
                "started as root. Start it as root again, or remove the folder ('make clean')."
            )
        return None
    candidates: list[int | str] = [owner] if owner else []
    candidates += [int(os.environ["SUDO_UID"])] if os.environ.get("SUDO_UID", "").isdecimal() else []
    for candidate in [*candidates, "postgres", "nobody", "daemon"]:
        account = _account(candidate)
        if account is not None and account.uid != 0:
            return account
    raise CannotLower("Postgres does not run as root, and this system has no account to lend it ('nobody').")


def _account(who: int | str) -> Account | None:
    try:
        entry = pwd.getpwuid(who) if isinstance(who, int) else pwd.getpwnam(who)
    except KeyError:
        return None
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)


def _name(uid: int) -> str:
    account = _account(uid)
    return account.name if account else str(uid)


def give(path: Path, account: Account | None) -> None:
    """Hand a fresh folder over."""
    if account is not None:
        os.chown(path, account.uid, account.gid)


def enters(path: Path, account: Account) -> bool:
    """Whether the account may walk to `path` from the root of the file system."""
    for folder in (path.resolve(), *path.resolve().parents):
        found = folder.stat()
        shift = 6 if found.st_uid == account.uid else 3 if found.st_gid == account.gid else 0
        if not (found.st_mode >> shift) & 1:
            return False
    return True


def becoming(
    account: Account | None, paths: Iterable[Path], parent_died: signal.Signals
) -> Callable[[], None]:
    """What a child runs between fork and exec: it takes on the account, and asks for a signal at its parent's death.

    Where the account can't walk to one of `paths` (a checkout below /root), the child keeps one capability of root,
    to search folders, instead of widening the permissions of those folders for everybody on the machine.
    """
    linux = sys.platform == "linux"
    libc = ctypes.CDLL(None, use_errno=True)
    keep: frozenset[int] = frozenset()
    if account is not None and not all(enters(path, account) for path in paths):
        if not linux:
            raise CannotLower(
                f"'{account.name}' can't reach {', '.join(map(str, paths))}: use another CHATSMART_HOME."
            )
        keep = _search_capability(account)

    def become() -> None:
        if account is not None:
            if keep:
                _check(libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0))
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
            if keep:
                _hold(libc, keep)
        if linux:  # last: a change of account clears it
            _check(libc.prctl(_PR_SET_PDEATHSIG, int(parent_died), 0, 0, 0))

    return become


def _search_capability(account: Account) -> frozenset[int]:
    """DAC_READ_SEARCH where root has it; containers by default have only the wider DAC_OVERRIDE."""
    status = Path("/proc/self/status").read_text()
    permitted = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapPrm:")), 16)
    for capability in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE):
        if permitted >> capability & 1:
            return frozenset({capability})
    raise CannotLower(
        f"Postgres does not run as root, and '{account.name}' can't reach it: use another CHATSMART_HOME."
    )


def _hold(libc: ctypes.CDLL, keep: frozenset[int]) -> None:
    bits = sum(1 << capability for capability in keep)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(
        bits, bits, bits, 0, 0, 0
    )  # effective, permitted, inheritable; low and high word
    _check(libc.capset(ctypes.byref(header), ctypes.byref(data)))
    for capability in keep:
        _check(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0))


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
