"""The Llama tier's side of a request: who it is of, what opens the door, what is served."""

import json

import pytest

from shared.adapters.llm import vllm
from shared.adapters.llm.client import HttpProvider
from shared.config import Settings
from shared.core.faults import UnknownModel
from shared.core.model_spec import ModelSpec
from shared.core.prompt import ask
from shared.models.catalogue import EVERY, LLAMA, LLAMA_SMALL, LLAMAS, Catalogue, served


def _sent(tenant: str, secret: bytes = b"s", question: str = "Hello.") -> tuple[str, str]:
    provider = HttpProvider(None, "http://pool/v1", "", secret=secret)  # type: ignore[arg-type]
    request = provider.prepare(LLAMA, ask(question), stream=True, request_id="t", tenant=tenant)
    return json.loads(request.body)["cache_salt"], request.headers["modal-session-id"]


def test_a_salt_is_a_tenants_own_and_nobody_can_guess_it() -> None:
    """One tenant has one salt for all it asks, another tenant or another secret another; a conversation has a name."""
    salt, session = _sent("a")
    assert _sent("a") == (salt, session)
    assert _sent("a", question="Other.")[0] == salt
    assert _sent("a", question="Other.")[1] != session
    assert len({salt, session, *_sent("b"), *_sent("a", b"other")}) == 6


def test_modals_token_pair_is_no_bearer_token() -> None:
    """`wk-…:ws-…` goes in Modal's two headers, anything else as a bearer token."""
    assert vllm.credential("wk-1:ws-2") == {"modal-key": "wk-1", "modal-secret": "ws-2"}
    assert vllm.credential("wk-1:2") == {"authorization": "Bearer wk-1:2"}


def test_what_is_off_or_not_served_has_no_name() -> None:
    """A tier that is off has no model, and the Llama tier only the one that it serves."""
    off = Settings.from_env({"LLAMA_BASE_URL": "off"})
    assert "llama" not in {*off.upstreams, *off.simulated}
    catalogue = Catalogue(served(EVERY, off.off))
    with pytest.raises(UnknownModel):
        catalogue.get(LLAMA.name)
    (small,) = [
        one for one in served(EVERY, frozenset(), LLAMA_SMALL.name, "llama3.1:8b") if one.provider == "llama"
    ]
    assert (small.native, small.wire, small.continues, small.resume) == (
        "llama3.1:8b", "openai-plain", False, False,
    )  # fmt: skip
    with pytest.raises(UnknownModel, match=r"llama-3\.1-8b"):
        served(EVERY, frozenset(), "llama-9")


@pytest.mark.parametrize("spec", LLAMAS, ids=lambda spec: spec.name)
def test_reading_a_token_costs_no_more_than_writing_it(spec: ModelSpec) -> None:
    """A cut answer is gone on with by reading what was written: its bill is never above the uncut one's for this."""
    for price in spec.prices:
        assert price.input <= price.output
        assert price.cliff is None
        assert price.request == 0
