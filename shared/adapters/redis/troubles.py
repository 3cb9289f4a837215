"""A driver's errors in words that say what to do. None of them holds an address or a password."""

import ssl

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterCrossSlotError,
    ClusterDownError,
    InvalidResponse,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
)
from redis.exceptions import TimeoutError as TooLate

_BY_WORD = (
    ("WRONGPASS", "the user or the password of REDIS_URL is wrong"),
    ("NOAUTH", "it wants a password, and REDIS_URL has none"),
    ("Authentication required", "it wants a password, and REDIS_URL has none"),
    ("NOPERM", "the user of REDIS_URL may not run a command that is needed"),
    ("max number of clients", "it has no connection left for us: raise its limit, or run fewer processes"),
    ("READONLY", "it is a replica now: REDIS_URL has to name the primary"),
    ("OOM command", "its memory is full: raise maxmemory, or choose a policy that evicts"),
    ("MOVED", "it is a node of a cluster: write redis+cluster:// or rediss+cluster:// in REDIS_URL"),
    ("cluster support disabled", "it is no cluster: write redis:// or rediss:// in REDIS_URL"),
    ("Cluster mode is not enabled", "it is no cluster: write redis:// or rediss:// in REDIS_URL"),
    ("Connection closed by server", "it hangs up: where its port is one of TLS write rediss:// in REDIS_URL"),
    ("certificate has expired", "its certificate has expired: renew it"),
    ("WRONG_VERSION_NUMBER", "it speaks plain text: write redis:// in REDIS_URL, or give the port of TLS"),
    (
        "Hostname mismatch",
        "its certificate is another host's: REDIS_URL has to name the host as the certificate does",
    ),
    ("IP address mismatch", "its certificate names no such address: REDIS_URL has to name the host"),
)
_BY_TYPE: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError,
     "its certificate is signed by an authority that is not known here: name it, ?ssl_ca_certs=/path/ca.pem"),
    (AuthenticationError, "it refuses the user or the password of REDIS_URL"),
    (AuthorizationError, "it refuses the user or the password of REDIS_URL"),
    (NoPermissionError, "the user of REDIS_URL may not run a command that is needed"),
    (BusyLoadingError, "it is still loading its data"),
    (MovedError, "it is a node of a cluster: write redis+cluster:// or rediss+cluster:// in REDIS_URL"),
    (ReadOnlyError, "it is a replica now: REDIS_URL has to name the primary"),
    (TooLate,
     "it does not answer in time: can it be reached, and does REDIS_URL say rediss:// for a port of TLS, and redis:// "
     "for another"),
    (OutOfMemoryError, "its memory is full: raise maxmemory, or choose a policy that evicts"),
    (ClusterDownError, "the cluster has no server for some keys"),
    (ClusterCrossSlotError, "keys of one command lie on several servers"),
    (InvalidResponse, "it does not speak Redis' protocol: is the port one of TLS? Then write rediss://"),
    (ssl.SSLError, "TLS failed"),
    (RedisClusterException, "the cluster can't be reached, or is none"),
)  # fmt: skip


def chain(error: BaseException) -> "list[BaseException]":
    """The error and what it came from, outermost first."""
    found: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in found:
        found.append(at)
        at = at.__cause__ or at.__context__
    return found


def told(error: BaseException) -> str:
    """One sentence."""
    errors = chain(error)
    for one in errors:
        for word, what in _BY_WORD:
            if word in str(one):
                return f"Redis can't be used: {what}."
    for kind, what in _BY_TYPE:
        if any(isinstance(one, kind) for one in errors):
            return f"Redis can't be used: {what}."
    why = next((one.strerror for one in errors if isinstance(one, OSError) and one.strerror), "")
    return f"Redis can't be used ({why or type(error).__name__})."


def refused(error: RedisError) -> str:
    """A script's own end, in a sentence: what the server says of it where it has no words of ours."""
    known = told(error)
    return f"Redis refused a script ({error})." if type(error).__name__ in known else known


def final(error: BaseException) -> bool:
    """Whether asking again can't help: a credential or a certificate is wrong."""
    return any(
        isinstance(
            one, (AuthenticationError, AuthorizationError, NoPermissionError, ssl.SSLCertVerificationError)
        )
        for one in chain(error)
    )
