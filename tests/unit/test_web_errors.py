"""The one mapping from faults to HTTP."""

import logging

import httpx
import pytest
from starlette.exceptions import HTTPException

from functions.web import errors
from functions.web.errors import Invalid, known
from shared.core.faults import BadBrief, Fault, NoKey, Throttled, TimedOut
from tests.unit.web_engine import Engine


@pytest.mark.parametrize("code", sorted(known()))
def test_every_fault_of_the_tree_has_a_status(code: str) -> None:
    """No fault falls through to a status that nobody chose."""
    assert 400 <= errors.STATUS[code] < 600


@pytest.mark.parametrize("code", sorted(known()))
def test_every_fault_reads_well_in_both_shapes(code: str) -> None:
    """A problem document and OpenAI's shape each say what happened; a retryable fault has a status that says so."""
    fault: Fault = known()[code]()
    status = errors.status_of(fault)
    problem = errors.problem(fault, status, "/v1/documents", "req_1")
    assert problem["detail"] == fault.message
    assert problem["type"] == f"/errors/{code}"
    assert problem["status"] == status
    shape = errors.openai_error(fault, status)["error"]
    assert shape["message"].startswith(fault.message)
    assert shape["type"]
    if fault.retryable:
        assert status in (429, 500, 502, 503, 504)


@pytest.mark.parametrize(
    ("path", "openai"),
    [
        ("/v1/chat/completions", True),
        ("/v1/models", True),
        ("/v1/models/x", True),
        ("/v1/embeddings", True),
        ("/v1/responses", True),
        ("/v1/modelsx", False),
        ("/v1/documents", False),
        ("/", False),
    ],
)
def test_openais_paths_speak_openais_shape_and_no_others(path: str, openai: bool) -> None:
    """The shape goes by the path, whole segments only."""
    answer = errors.response(path, NoKey(), "req_1")
    assert (answer.media_type == "application/json") is openai
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_wait_is_told_in_whole_seconds_and_never_as_none() -> None:
    """`retry-after` is at least a second."""
    assert errors.response("/v1/x", Throttled(retry_after=0.2), "req_1").headers["retry-after"] == "1"
    assert "retry-after" not in errors.response("/v1/x", TimedOut(), "req_1").headers


def test_a_field_is_named_in_both_shapes() -> None:
    """`param` travels; OpenAI's word for what is wrong becomes its `code`."""
    assert errors.problem(BadBrief("x", param="words"), 400, "/", "r")["param"] == "words"
    shape = errors.openai_error(Invalid("x", param="n", kind="invalid_type"), 400)["error"]
    assert (shape["param"], shape["code"]) == ("n", "invalid_type")


async def test_what_we_do_not_know_is_ours_and_stays_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """An unexpected exception is a 500 with a request id; its words are logged, never sent."""
    engine = Engine()
    engine.chat.refuses = ZeroDivisionError("the password is swordfish")
    body = {"model": "auto", "messages": [{"role": "user", "content": "x"}]}
    with caplog.at_level(logging.ERROR, "chatsmart.web"):
        async with engine.client() as client:
            answer = await client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 500
    assert "swordfish" not in answer.text
    assert answer.headers["x-request-id"] in caplog.text
    assert "swordfish" in caplog.text


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/v1/embeddings", "/v1/models/nothing", "/v1/documents/%00", "/v1/responses/x"]
)
async def test_what_is_not_there_is_a_404_in_the_paths_own_shape(path: str) -> None:
    """Unknown routes, routes of a later issue and unknown things: 404, described, with a request id."""
    async with Engine().client() as client:
        answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.headers["x-request-id"]
    body = answer.json()
    assert body["error"]["message"] if errors.is_openai(path) else body["detail"]
    assert answer.headers["content-type"] == (
        "application/json" if errors.is_openai(path) else "application/problem+json"
    )


async def test_another_method_is_a_405_that_names_the_right_one() -> None:
    """Also on the path that the router is bypassed for."""
    async with Engine().client() as client:
        for path, allowed in (
            ("/v1/chat/completions", "POST"),
            ("/v1/models", "GET"),
            ("/v1/keys", "GET, POST"),
        ):
            answer = await client.request("PATCH", path)
            assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


async def test_every_answer_carries_a_request_id_of_its_own() -> None:
    """Good or bad, each answer can be quoted."""
    async with Engine().client() as client:
        seen: list[httpx.Response] = [
            await client.get(path) for path in ("/healthz", "/nothing", "/v1/models", "/")
        ]
    assert len({answer.headers["x-request-id"] for answer in seen}) == len(seen)


async def test_the_pages_of_codes_explain_them() -> None:
    """`type` of a problem document leads to a page; an unknown code is a 404."""
    async with Engine().client({}) as client:
        page = await client.get("/errors/over_budget")
        assert "Raise the budget" in page.text
        assert (await client.get("/errors/nonsense")).status_code == 404


def test_a_status_of_the_framework_keeps_its_headers() -> None:
    """What Starlette refuses keeps its status and its headers."""
    answer = errors.response("/v1/x", HTTPException(405, headers={"allow": "GET"}), "req_1")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
