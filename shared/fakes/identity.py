"""People, in memory."""

from collections.abc import Mapping, Sequence
from itertools import count
from uuid import UUID

from shared.core.faults import BadRequest, Conflict, NotYours
from shared.core.ids import TenantId
from shared.ports.identity import Person, Role


class MemoryPeople:
    """`ports.identity.People`. `tenants` are those that there are; `providers` are addresses of identity providers by
    domain."""

    def __init__(self, tenants: Sequence[TenantId], providers: Mapping[str, str] | None = None) -> None:
        self._tenants = set(tenants)
        self._providers = dict(providers or {})
        self._numbers = count(1)
        self._accounts: dict[str, tuple[str, bool]] = {}
        self._members: dict[tuple[TenantId, str], Role] = {}

    async def invite(self, tenant: TenantId, email: str, role: Role) -> Person:
        """See the port."""
        return self._added(tenant, email, role, confirmed=False)

    async def create(self, tenant: TenantId, email: str, password: str, role: Role) -> Person:
        """See the port."""
        if len(password) < 12:
            raise BadRequest("The password is too weak.", param="password")
        return self._added(tenant, email, role, confirmed=True)

    async def remove(self, tenant: TenantId, person: str) -> None:
        """See the port."""
        if (tenant, person) not in self._members:
            raise NotYours("There is no such person in this tenant.")
        owners = [who for (where, who), role in self._members.items() if where == tenant and role == "owner"]
        if owners == [person]:
            raise Conflict("They are the last owner: make another one first.")
        del self._members[tenant, person]
        if not any(who == person for _, who in self._members):
            del self._accounts[person]

    async def members(self, tenant: TenantId) -> Sequence[Person]:
        """See the port."""
        return tuple(
            Person(who, *_shown(self._accounts[who], role))
            for (where, who), role in self._members.items()
            if where == tenant
        )

    async def sign_on(self, domain: str, back: str) -> str:
        """See the port."""
        if domain not in self._providers:
            raise NotYours(f"No identity provider is set up for '{domain}'.")
        return self._providers[domain]

    def _added(self, tenant: TenantId, email: str, role: Role, *, confirmed: bool) -> Person:
        if tenant not in self._tenants:
            raise NotYours("There is no such tenant.")
        email = email.lower()
        name, _, domain = email.partition("@")
        if not name or "." not in domain:
            raise BadRequest("The address is none.", param="email")
        known = {account[0]: (person, account[1]) for person, account in self._accounts.items()}
        person, settled = known.get(email) or (str(UUID(int=next(self._numbers))), False)
        if settled or (confirmed and email in known):
            raise Conflict("The address has an account already.")
        self._accounts[person] = (email, confirmed)
        self._members[tenant, person] = role
        return Person(person, email, role, confirmed)


def _shown(account: tuple[str, bool], role: Role) -> tuple[str, Role, bool]:
    return account[0], role, account[1]
