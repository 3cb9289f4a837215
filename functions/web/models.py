"""GET /v1/models: the catalogue in OpenAI's shape, with what each model can do and what it costs today."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from functions.web.describe import describe
from functions.web.reply import Json
from functions.web.request import Caller, engine
from shared.core.model_spec import ModelSpec

router = APIRouter(tags=["models"])
_CREATED = 1_795_219_200
"""When this catalogue was verified, in seconds since 1970 (2026-11-21): OpenAI's shape wants a date."""


@router.get(
    "/v1/models", **describe("ModelList", "The models, and the names that stand for a choice among them")
)
async def listed(request: Request, _caller: Caller) -> Response:
    """The models of the catalogue and the choices `auto`, `auto:cheap`, `auto:best`."""
    catalogue = engine(request).catalogue
    specs, now = catalogue.models(), _now(request)
    models = {spec.name for spec in specs}
    choices = [_choice(name) for name in catalogue.names() if name not in models]
    data = [*choices, *(_model(spec, now) for spec in specs)]
    return Json({"object": "list", "data": data})


@router.get("/v1/models/{model}", **describe("Model", "One model"))
async def one(request: Request, model: str, _caller: Caller) -> Response:
    """One model by its name; 404 `model_not_found` where the catalogue has none of it."""
    catalogue = engine(request).catalogue
    if catalogue.choice(model) is not None:
        return Json(_choice(model))
    return Json(_model(catalogue.get(model), _now(request)))


def _choice(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "chatsmart"}


def _now(request: Request) -> datetime:
    return engine(request).clock.now()


def _model(spec: ModelSpec, now: datetime) -> dict[str, Any]:
    return {
        "id": spec.name,
        "object": "model",
        "created": _CREATED,
        "owned_by": spec.provider,
        "context_window": spec.window,
        "max_output_tokens": spec.max_output,
        "abilities": [name for name, able in _abilities(spec).items() if able],
        "pricing": _pricing(spec, now),
    }


def _abilities(spec: ModelSpec) -> dict[str, bool]:
    return {
        "schema": spec.schema,
        "tools": spec.tools,
        "images": spec.images,
        "sampling": spec.sampling,
        "thinking": spec.thinks,
        "search": spec.searches,
        "prefill": spec.continues,
        "resume": spec.resume,
    }


def _pricing(spec: ModelSpec, now: datetime) -> dict[str, str | None] | None:
    """Dollars per million tokens, fees in dollars, as decimals; null where the model has no price today."""
    try:
        price = spec.price(now)
    except LookupError:
        return None
    names = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "request", "search")
    found = ((name, getattr(price, name)) for name in names)
    return {name: None if amount is None else f"{amount:f}" for name, amount in found}
