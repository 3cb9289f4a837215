"""An order to deploy, as the tests make it."""

import base64
import os
from dataclasses import replace
from pathlib import Path

from infra.deploying.order import Order, Wishes
from infra.deploying.revision import Revision
from shared.config import PROVIDERS, Deployment

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
SECRETS = {
    "DATABASE_URL": "postgresql://chatsmart_app:hunter2@127.0.0.1:1/x",
    "DATABASE_ADMIN_URL": "postgresql://postgres:hunter2@127.0.0.1:1/x",
    "REDIS_URL": "redis://:hunter2@127.0.0.1:1",
    "SUPABASE_URL": "https://project.supabase.co",
    "SUPABASE_SERVICE_KEY": "service-hunter2",
    "SUPABASE_JWKS_URL": "https://project.supabase.co/auth/v1/.well-known/jwks.json",
    "CHATSMART_SECRET_KEY": KEY,
    "LLAMA_BASE_URL": "https://llama.example/v1",
    **{f"{name.upper()}_API_KEY": f"{name}-hunter2" for name in PROVIDERS},
}
"""A settings file that lacks nothing. Nobody listens at its stores."""
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def environ(**more: str) -> dict[str, str]:
    """This process's environment, without what a developer may have set for a deploy of their own."""
    mine = ("CHATSMART_", "MODAL_", "DATABASE_", "REDIS_", "SUPABASE_", "LLAMA_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    return {**kept, "MODAL_CONFIG_PATH": os.devnull, **more}


def order(
    wishes: Wishes | None = None,
    deployment: Deployment | None = None,
    plane: dict[str, str] | None = None,
    **file: str,
) -> Order:
    """An order; `file` adds to its settings file or, empty, takes away from it. `plane` is where Modal is."""
    told = {name: value for name, value in {**SECRETS, **file}.items() if value}
    return Order(
        deployment or Deployment(),
        Revision(COMMIT),
        told,
        Path(".env.staging"),
        environ(**(plane or {})),
        wishes or Wishes(),
    )


def on(made: Order, *, app: str, admin: str, redis: str) -> Order:
    """The same order, on these stores."""
    stores = {"DATABASE_URL": app, "DATABASE_ADMIN_URL": admin, "REDIS_URL": redis}
    return replace(made, file={**made.file, **stores})


def without(made: Order, name: str) -> Order:
    """The same order, from a file that lacks a setting."""
    return replace(made, file={key: value for key, value in made.file.items() if key != name})
