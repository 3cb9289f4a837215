"""One inference service, reached over its own wire format."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from shared.core.chunk import Chunk
from shared.core.frozen import quick
from shared.core.model_spec import ModelSpec
from shared.core.prompt import Prompt


@quick
@dataclass(frozen=True, slots=True)
class WireRequest:
    """An HTTP request, complete but for the credential, which is added as it is sent and never logged.

    `wire` names the format in which the reply is to be read; one provider may speak several. Where this takes a
    response up again, `after` is what that had brought, in a form of the wire's own: the reply is read on from there.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    stream: bool
    wire: str = ""
    method: str = "POST"
    after: bytes = b""


class Reply(Protocol):
    """A provider's answer while it arrives."""

    status: int
    simulated: bool
    pool: str
    """What our own pool says of itself in the head: `draining` or `sick`, or `busy` where its queue is long."""

    def chunks(self) -> AsyncIterator[Sequence[Chunk]]:
        """The pieces of each network read, decoded once. Raises a ProviderFault at the first sign of one:
        an error status, an error event after a 200, a malformed event, or an end without a terminal event (Cut)."""
        ...

    def raw(self) -> bytes:
        """The bytes of the body received so far, exactly."""
        ...


class Provider(Protocol):
    """Builds requests and sends them. No retries, no timeouts: those are failover's."""

    def prepare(
        self, spec: ModelSpec, prompt: Prompt, *, stream: bool, request_id: str, tenant: str = ""
    ) -> WireRequest:
        """The exact request. Raises Rejected where the wire has no way to say it.

        `tenant` is whose request it is: never sent itself, but where a server shares what it has read between
        requests, what stands for it keeps tenants apart there."""
        ...

    def resume(
        self, spec: ModelSpec, prompt: Prompt, *, request: WireRequest, received: bytes, request_id: str
    ) -> WireRequest | None:
        """The request that takes the broken reply to `request` up where it stopped; None where there is no way to.

        `received` is `Reply.raw` of that reply. Its answer yields only what comes after the last piece that was
        whole in `received`; its usage counts by itself, beside the first reply's. Where `request` was a resumption
        itself, `received` is that reply's alone."""
        ...

    def send(self, request: WireRequest) -> AbstractAsyncContextManager[Reply]:
        """Send it; leaving the context closes the connection, so the provider stops. Raises Overloaded where the
        connection is refused or breaks before an answer."""
        ...
