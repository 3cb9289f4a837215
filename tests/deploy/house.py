"""A deployed product for one test: real stores, simulated providers, containers through Modal's own entry point."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson

from infra.simulator import Pace, Simulator, start
from infra.simulator.modal import Plane
from infra.simulator.modal.container import Container, Exchange, Place, started
from shared.adapters.clock import RandomIds, SystemClock
from shared.config import PROVIDERS, SIMULATOR_PATHS
from shared.core.ids import TenantId
from shared.core.tenant import Principal
from shared.tenancy.keys import Keyring
from tests.deploy.command import ENVIRONMENT, SECRETS
from tests.stores import Addresses, Stores

SECRET_KEY = "A" * 43
CHAT = "/v1/chat/completions"
HELLO: dict[str, Any] = {
    "model": "gpt-6-luna",
    "messages": [{"role": "user", "content": "Say something about tea."}],
}


@dataclass
class Deployed:
    """A deployment on stores. `values` is what the secret `chatsmart` holds."""

    plane: Plane
    simulator: Simulator
    stores: Stores
    tenant: TenantId
    key: str
    values: Mapping[str, str]
    folder: Path
    tree: Path
    _numbers: "count[int]"

    def container(
        self, tag: str, *, snapshot: bool = False, **env: str
    ) -> AbstractAsyncContextManager[Container]:
        """A container of `Web.*`, `write` or a job."""
        root = self.folder / f"container-{next(self._numbers)}"
        return started(
            self.plane,
            "chatsmart",
            tag,
            place=Place(root, self.tree),
            environment=ENVIRONMENT,
            env=env,
            snapshot=snapshot,
        )

    def post(self, container: Container, body: Mapping[str, Any], path: str = CHAT) -> Exchange:
        """A caller's request."""
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        return container.request("POST", path, headers=headers, body=orjson.dumps(body))


@asynccontextmanager
async def deployed_on(
    plane: Plane,
    addresses: Addresses,
    stores: Stores,
    folder: Path,
    *,
    tree: Path,
    pace: Pace | None = None,
) -> AsyncIterator[Deployed]:
    """Give the deployment its secret and a tenant with a key. Containers lie in `folder`, their files in `tree`."""
    async with start(pace=pace) as simulator:
        values = dict(SECRETS) | {
            "DATABASE_URL": addresses.app,
            "REDIS_URL": addresses.redis,
            "SUPABASE_URL": "http://127.0.0.1:9",
            "SUPABASE_JWKS_URL": "http://127.0.0.1:9/auth/v1/.well-known/jwks.json",
            "CHATSMART_SECRET_KEY": SECRET_KEY,
            "CHATSMART_NAMESPACE": uuid4().hex,
            **{f"{name.upper()}_API_KEY": "simulated" for name in PROVIDERS},
            **{
                f"{name.upper()}_BASE_URL": f"{simulator.origin}{path}"
                for name, path in SIMULATOR_PATHS.items()
            },
        }
        plane.secret("chatsmart", values, ENVIRONMENT)
        tenant = TenantId(str(RandomIds().uuid()))
        await stores.keys.ensure_tenant(tenant, "test")
        keyring = Keyring(stores.keys, SystemClock(), RandomIds())
        _, key = await keyring.create(Principal(tenant, "test"), "test")
        yield Deployed(plane, simulator, stores, tenant, key, values, folder, tree, count(1))
