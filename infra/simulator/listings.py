"""The model lists, each in its provider's shape."""

from infra.simulator import catalogue
from infra.simulator.answer import Json
from infra.simulator.catalogue import Model

_CREATED = 1_783_000_000
_CREATED_TEXT = "2026-07-02T00:00:00Z"


def openai_list() -> Json:
    """`GET /models` of OpenAI."""
    return {"object": "list", "data": [openai_one(model) for model in catalogue.of("openai")]}


def openai_one(model: Model) -> Json:
    """`GET /models/{id}` of OpenAI."""
    return {"id": model.id, "object": "model", "created": _CREATED, "owned_by": "system"}


def vllm_list() -> Json:
    """`GET /models` of a vLLM server."""
    return {
        "object": "list",
        "data": [
            {
                "id": model.id,
                "object": "model",
                "created": _CREATED,
                "owned_by": "vllm",
                "root": model.id,
                "parent": None,
                "max_model_len": model.context,
                "permission": [],
            }
            for model in catalogue.of("llama")
        ],
    }


def anthropic_list() -> Json:
    """`GET /v1/models` of Anthropic."""
    models = [anthropic_one(model) for model in catalogue.of("anthropic")]
    return {"data": models, "has_more": False, "first_id": models[0]["id"], "last_id": models[-1]["id"]}


def anthropic_one(model: Model) -> Json:
    """`GET /v1/models/{id}` of Anthropic."""
    shown = model.id.replace("-", " ").title().replace("5 5", "5.5")
    return {
        "type": "model",
        "id": model.id,
        "display_name": shown,
        "created_at": _CREATED_TEXT,
        "max_input_tokens": model.context,
        "max_tokens": model.max_output,
    }


def gemini_list() -> Json:
    """`GET /models` of Gemini."""
    return {"models": [gemini_one(model) for model in catalogue.of("gemini")]}


def gemini_one(model: Model) -> Json:
    """`GET /models/{id}` of Gemini."""
    return {
        "name": f"models/{model.id}",
        "version": "001",
        "displayName": model.id.replace("-", " ").title(),
        "description": "Simulated on loopback.",
        "inputTokenLimit": model.context,
        "outputTokenLimit": model.max_output,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
        "thinking": model.thinks,
    }
