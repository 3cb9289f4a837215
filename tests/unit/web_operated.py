"""The engine of the web tests with what an operator looks after: models that may be ill, containers, a switch."""

from dataclasses import dataclass, field

from shared.core.ids import KeyId
from shared.fakes.capacity import MemoryCapacity
from shared.fakes.health import MemoryHealth, MemoryHealthStore
from shared.fakes.stops import MemoryStops
from shared.ports.capacity import Room
from shared.ports.keys import ApiKey
from shared.tenancy.keys import digest
from tests.unit.web_engine import NOW, TENANT, Engine

OPERATOR = "cs_the-key-of-an-operator-0000000001"
KEY = KeyId("key_" + "0" * 31 + "3")


@dataclass
class Operated(Engine):
    """An engine with an operator."""

    store: MemoryHealthStore = field(default_factory=MemoryHealthStore)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.health = MemoryHealth(self.clock, self.store)
        self.capacity = MemoryCapacity(Room("Web", 2, 0, 20, 0), Room("Llama", None, 1, 4, 1))
        self.stops = MemoryStops()
        row = ApiKey(KEY, TENANT, "ops", OPERATOR[-4:], frozenset({"member", "operator"}), NOW)
        self.keys.rows[digest(OPERATOR)] = row
