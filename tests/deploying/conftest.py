"""Modal's control plane on loopback, and an environment that a deploy finds in order."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from infra.deploying.order import Order, Wishes
from infra.simulator.modal import Plane
from shared.config import Deployment
from tests.deploying.orders import on, order
from tests.stores import Addresses


@dataclass
class Staging:
    """A workspace with a staging environment, and its stores. `said` is what the deploys printed."""

    plane: Plane
    addresses: Addresses
    said: list[str] = field(default_factory=list)

    def order(self, wishes: Wishes | None = None, deployment: Deployment | None = None, **file: str) -> Order:
        """An order to deploy here."""
        quick = wishes or Wishes(skip=frozenset({"preflight"}), alive_seconds=5, pool_seconds=1)
        made = order(quick, deployment, self.plane.env, **file)
        return on(made, app=self.addresses.app, admin=self.addresses.admin, redis=self.addresses.redis)

    def serve(self, url: str) -> None:
        """Let the deployed web's address lead there."""
        self.plane.store.addresses["Web.serve"] = url

    def secrets(self) -> None:
        """Set the secrets as the settings file has them."""
        self.plane.secret("chatsmart", order().secret, "staging")
        self.plane.secret("chatsmart-gpu", {"HF_TOKEN": "hf"}, "staging")

    @property
    def tags(self) -> list[str]:
        """The tags of what was published, oldest first."""
        return [version.tag for app in self.plane.apps() for version in app.versions]


@pytest.fixture
def staging(addresses: Addresses) -> Iterator[Staging]:
    """It, with its secrets set."""
    with Plane() as plane:
        found = Staging(plane, addresses)
        found.secrets()
        yield found
