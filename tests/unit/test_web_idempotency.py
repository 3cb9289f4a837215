"""Idempotency keys at the edge, over an app of a few lines and stores in memory."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from functions.web import idempotency
from functions.web.idempotency import LARGEST, Once, StillAnswered, ticket_of, was_replayed
from functions.web.locked import lock, unlock
from functions.web.principal import Principals
from shared.adapters.clock import RandomIds
from shared.chat.again import is_over, retold
from shared.config import Settings
from shared.core.entry import Entry
from shared.core.faults import (
    BadBrief,
    Conflict,
    Cut,
    Fault,
    OurFault,
    OverBudget,
    Rejected,
    TooFast,
    Unavailable,
)
from shared.core.ids import RunId, TenantId, TraceId, begun_at, run_id, trace_of
from shared.core.money import Micros
from shared.fakes.clock import START, FakeClock
from shared.fakes.idempotency import MemoryIdempotency
from shared.fakes.ledger import MemoryLedger
from shared.fakes.log import MemoryLog
from shared.ports.idempotency import LEASE, Claim, Keyed
from shared.runtime.tape import fault_row
from tests.unit.web_engine import KEY, OTHER, OTHER_KEY, TENANT, MemoryKeys
from tests.unit.web_engine import Engine as WebEngine

App = Callable[[Scope, Receive, Send], Awaitable[None]]
POST = "/v1/things"
CHAT = "/v1/chat/completions"


@dataclass
class Sent:
    """What a client got."""

    messages: list[Message] = field(default_factory=list)
    replayed: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])

    @property
    def whole(self) -> bool:
        return bool(self.messages) and not self.messages[-1].get("more_body", False)


class Store(MemoryIdempotency):
    """Keys in memory that can be away, and that count what they are asked."""

    def __init__(self) -> None:
        super().__init__()
        self.away: set[str] = set()
        self.asked: list[str] = []

    def _note(self, verb: str) -> None:
        self.asked.append(verb)
        if verb in self.away:
            raise Unavailable("Postgres can't be reached.")

    async def claim(self, asked: Keyed, holder: RunId, at: Any, instead_of: Claim | None = None) -> Claim:
        self._note("claim")
        return await super().claim(asked, holder, at, instead_of)

    async def extend(self, asked: Keyed, holder: RunId, at: Any) -> bool:
        self._note("extend")
        return await super().extend(asked, holder, at)

    async def keep(self, asked: Keyed, holder: RunId, answer: bytes) -> bool:
        self._note("keep")
        return await super().keep(asked, holder, answer)

    async def free(self, asked: Keyed, holder: RunId) -> None:
        self._note("free")
        await super().free(asked, holder)


@dataclass
class Engine:
    """What stands behind `Once`."""

    clock: FakeClock = field(default_factory=FakeClock)
    ids: RandomIds = field(default_factory=RandomIds)
    idempotency: Store = field(default_factory=Store)
    log: MemoryLog = field(default_factory=MemoryLog)
    settings: Settings = field(default_factory=lambda: Settings(env="staging"))

    def __post_init__(self) -> None:
        self.ledger = MemoryLedger(self.clock)


@dataclass
class Door:
    """`Once` before an app, as a client meets it."""

    engine: Engine = field(default_factory=Engine)

    def __post_init__(self) -> None:
        self.once = Once(cast(Any, self.engine), Principals(WebEngine().keys, self.engine.clock))

    async def post(
        self, app: App, path: str = POST, *, key: str = "k", body: bytes = b"{}", credential: str = KEY
    ) -> Sent:
        scope: Scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": b"",
            "headers": [
                (b"authorization", b"Bearer " + credential.encode()),
                (b"idempotency-key", key.encode()),
            ],
        }
        sent = Sent()

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.messages.append(message)

        await self.once.serve(app, scope, receive, send)
        sent.replayed = was_replayed(scope)
        return sent


def saying(*pieces: bytes, status: int = 200, headers: tuple[tuple[bytes, bytes], ...] = ()) -> App:
    """An app that counts nothing and always says the same."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return app


def failing(fault: Exception) -> App:
    """An app that fails before it has said anything."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise fault

    return app


@pytest.fixture
def door() -> Door:
    return Door()


async def test_an_answer_is_kept_before_its_reader_has_it_whole(door: Door) -> None:
    """Otherwise a process that dies in between would do it a second time for a reader who has seen it done."""
    order: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert await receive() == {"type": "http.request", "body": b"{}", "more_body": False}
        await saying(b"a", b"b")(scope, receive, send)
        order.extend(door.engine.idempotency.asked)

    sent = await door.post(app)
    assert order == ["claim"]
    assert door.engine.idempotency.asked == ["claim", "keep"]
    assert sent.whole
    again = await door.post(failing(AssertionError("done twice")))
    assert (again.body, again.replayed, again.whole) == (b"ab", True, True)


async def test_what_is_too_large_to_keep_is_said_to_be(door: Door) -> None:
    """It streams through untouched; a repeat is told that it was done, and is not done again."""
    big = b"x" * (LARGEST // 2)
    assert (await door.post(saying(big, big))).body == big + big
    assert (await door.post(failing(AssertionError("done twice")))).body == big + big
    assert (await door.post(saying(big, big, b"y"), key="k2")).whole
    with pytest.raises(Conflict, match="larger than 1024 KiB"):
        await door.post(failing(AssertionError("done twice")), key="k2")


async def test_an_answer_goes_out_although_it_can_not_be_kept(door: Door) -> None:
    """What was done is done: its caller gets the answer, whatever the store says."""
    door.engine.idempotency.away = {"keep"}
    sent = await door.post(saying(b"done"))
    assert (sent.body, sent.whole) == (b"done", True)


async def test_a_fault_is_told_although_its_key_can_not_be_freed(door: Door) -> None:
    """The caller reads of its own mistake, not of ours; the key is free once the lease is over."""
    door.engine.idempotency.away = {"free"}
    with pytest.raises(BadBrief):
        await door.post(failing(BadBrief()))
    with pytest.raises(StillAnswered):
        await door.post(saying(b"done"))
    door.engine.clock.pass_(LEASE.total_seconds())
    assert (await door.post(saying(b"done"))).body == b"done"


@pytest.mark.parametrize("status", [400, 409, 503])
async def test_an_error_that_is_sent_frees_the_key_as_one_that_is_raised(door: Door, status: int) -> None:
    """However a route says no, a later yes is not in its way."""
    assert (await door.post(saying(b"no", status=status))).body == b"no"
    assert (await door.post(saying(b"yes"), body=b"other")).body == b"yes"


async def test_an_answer_that_breaks_off_frees_the_key(door: Door) -> None:
    """A reader who has half an answer has none."""

    async def half(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ha", "more_body": True})
        raise OurFault("broken")

    with pytest.raises(OurFault):
        await door.post(half)
    assert (await door.post(saying(b"whole"))).body == b"whole"


async def test_a_request_that_is_cancelled_frees_the_key(door: Door) -> None:
    """The server is closing: whoever asks the next one is served."""
    begun = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(door.post(slow))
    await begun.wait()
    with pytest.raises(StillAnswered):
        await door.post(saying(b"x"))
    task.cancel()
    await asyncio.wait((task,))
    assert (await door.post(saying(b"x"))).body == b"x"


async def test_a_lease_is_extended_while_the_work_goes_on(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a store that is away for a moment does not end the work."""
    monkeypatch.setattr(idempotency, "LEASE", timedelta(seconds=0.03))
    store = door.engine.idempotency
    store.away = {"extend"}

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        async with asyncio.timeout(5):
            while store.asked.count("extend") < 3:  # noqa: ASYNC110  # the store tells nobody
                await asyncio.sleep(0.005)
        await saying(b"x")(scope, receive, send)

    assert (await door.post(slow)).body == b"x"
    asked = len(store.asked)
    await asyncio.sleep(0.05)
    assert len(store.asked) == asked


async def test_a_chat_that_somebody_else_answered_is_kept(door: Door) -> None:
    """The log can't tell it again. One of our own is not kept twice."""
    assert (await door.post(saying(b"theirs", headers=((b"x-by", b"old"),)), CHAT)).whole
    again = await door.post(failing(AssertionError("done twice")), CHAT)
    assert (again.body, again.messages[0]["headers"]) == (b"theirs", [(b"x-by", b"old")])

    async def ours(scope: Scope, receive: Receive, send: Send) -> None:
        ticket = ticket_of(scope)
        assert ticket is not None
        trace = (b"x-chatsmart-trace", trace_of(ticket.run).encode())
        await saying(b"ours", headers=(trace,))(scope, receive, send)

    door.engine.idempotency.asked.clear()
    await door.post(ours, CHAT, key="k2")
    assert door.engine.idempotency.asked == ["claim"]


async def test_a_kept_answer_is_for_its_own_credential(door: Door) -> None:
    """A colleague with another key of the same tenant is told no more than that it was done."""
    keys = cast(MemoryKeys, door.once._principals._keys)
    row = next(row for row in keys.rows.values() if row.tenant == TENANT)
    colleague = "cs_another-key-of-the-first-tenant-01"
    keys.rows[sha256(colleague.encode()).digest()] = replace(row, id=cast(Any, "key_" + "0" * 31 + "3"))
    await door.post(saying(b"secret"))
    with pytest.raises(Conflict, match="another credential"):
        await door.post(saying(b"x"), credential=colleague)
    assert (await door.post(saying(b"theirs"), credential=OTHER_KEY)).body == b"theirs"


async def test_repeats_count_as_requests(door: Door) -> None:
    """Answered or refused: a key is no way round a rate limit."""
    door.engine.settings = replace(door.engine.settings, requests_per_minute=6)
    await door.post(saying(b"x"))
    for body in (b"{}", b"other"):
        with pytest.raises(TooFast):  # how many fit is the rate's own matter
            for _ in range(100):
                with contextlib.suppress(Conflict):
                    await door.post(saying(b"x"), body=body)
        door.engine.clock.pass_(600)


async def test_a_request_without_a_key_asks_no_store() -> None:
    """Not even by one round trip: an engine without such a store serves it."""
    engine = WebEngine()
    assert not hasattr(engine, "idempotency")
    async with engine.client() as client:
        answer = await client.post(
            CHAT, json={"model": "auto", "messages": [{"role": "user", "content": "x"}]}
        )
    assert answer.status_code == 200
    assert "idempotency-replayed" not in answer.headers


KEYED = Keyed(TENANT, "POST /v1/keys", "k", sha256(b"{}").digest())


@given(st.binary(max_size=200), st.binary(min_size=1, max_size=60))
def test_what_is_locked_opens_with_its_credential(answer: bytes, credential: bytes) -> None:
    """To the byte; it does not show what it holds, and two locks of one answer differ."""
    locked = lock(credential, KEYED, answer)
    assert unlock(credential, KEYED, locked) == answer
    assert lock(credential, KEYED, answer) != locked
    assert len(answer) < 8 or answer not in locked


@pytest.mark.parametrize(
    "changed",
    [
        {"tenant": OTHER},
        {"where": "POST /v1/other"},
        {"key": "k2"},
        {"fingerprint": sha256(b"[]").digest()},
    ],
)
def test_what_is_locked_opens_for_its_own_request_only(changed: dict[str, Any]) -> None:
    """Copied to another tenant, path, key or body it is worth nothing; nor with another credential, nor changed."""
    locked = lock(b"cs_one", KEYED, b"secret")
    assert unlock(b"cs_one", replace(KEYED, **changed), locked) is None
    assert unlock(b"cs_two", KEYED, locked) is None
    for place in range(len(locked)):
        flipped = locked[:place] + bytes([locked[place] ^ 1]) + locked[place + 1 :]
        assert unlock(b"cs_one", KEYED, flipped) is None


RUN = run_id("chat", RandomIds().uuid())


def ended(finish: str | None, fault: Fault | None = None, cost: int | None = 0) -> tuple[Entry, ...]:
    """The log of a chat without a call."""
    common: dict[str, Any] = {
        "tenant": TenantId(TENANT),
        "run": RUN,
        "trace": TraceId(trace_of(RUN)),
        "at": START,
    }
    begun = Entry(position=1, kind="run", body={"model": "gpt"}, **common)
    if finish is None:
        return (begun,)
    body = {"fault": None if fault is None else fault_row(fault), "simulated": True}
    money = None if cost is None else Micros(cost)
    return (begun, Entry(position=2, kind="end", body=body, finish=finish, cost=money, **common))


@pytest.mark.parametrize(
    ("finish", "fault", "cost", "stands"),
    [
        ("finished", None, 7, True),
        ("finished", None, None, True),
        ("cancelled", None, 7, False),
        ("failed", Rejected("never"), 0, True),
        ("failed", Cut("broke"), 0, False),
        ("failed", Cut("broke"), 7, True),
        ("failed", OverBudget("no"), 0, False),
        ("failed", OurFault("lost"), 0, False),
        (None, None, 0, False),
    ],
)
def test_what_of_a_chat_is_told_again(
    finish: str | None, fault: Fault | None, cost: int | None, stands: bool
) -> None:
    """An answer, what cost something, and a provider's last word; not what may go better another time."""
    entries = ended(finish, fault, cost)
    assert (retold(entries) is not None) == stands
    assert is_over(entries) == (finish is not None)
    assert retold(()) is None


def test_a_fault_before_the_first_word_is_raised_as_it_was() -> None:
    """So that it gets a status of its own again."""
    told = retold(ended("failed", Rejected("never", provider_status=400)))
    assert told is not None
    with pytest.raises(Rejected, match="never"):
        told.begin()


def test_a_run_knows_when_it_was_begun() -> None:
    """To the second, from its id alone: a repeat has the same `created`."""
    run = RunId(f"chat_{int(START.timestamp() * 1000):012x}7000{'8' + '0' * 15}")
    assert begun_at(run) == int(START.timestamp())
