"""People: who may sign in, and for which tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from shared.core.ids import TenantId

Role = Literal["owner", "admin", "member"]


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who belongs to a tenant. `id` is the subject of their tokens (a UUID); `email` is empty where the
    account is gone; `confirmed` says whether they have shown that the address is theirs."""

    id: str
    email: str
    role: Role
    confirmed: bool


class People(Protocol):
    """Accounts at the sign-in service, and the rows that bind them to tenants.

    Every method raises Unavailable where either can't be reached.
    """

    async def invite(self, tenant: TenantId, email: str, role: Role) -> Person:
        """Send an invitation; who accepts it belongs to the tenant. May be repeated until it is accepted: the mail is
        sent again, the role is the newer one.

        Raises Conflict where the address has an account already, NotYours where there is no such tenant, BadRequest
        for what is no address, TooFast where too many mails were sent.
        """
        ...

    async def create(self, tenant: TenantId, email: str, password: str, role: Role) -> Person:
        """An account that may sign in at once, without a mail. Raises as `invite`, and BadRequest for a password that
        is too weak."""
        ...

    async def remove(self, tenant: TenantId, person: str) -> None:
        """They belong to the tenant no more; an account that then belongs to none is deleted. Tokens that were issued
        last until they expire (15 minutes).

        Raises NotYours where they are not in the tenant, Conflict for its last owner.
        """
        ...

    async def members(self, tenant: TenantId) -> Sequence[Person]:
        """Everyone of the tenant, oldest first."""
        ...

    async def sign_on(self, domain: str, back: str) -> str:
        """Where a browser goes to sign in with the identity provider of an e-mail domain; it returns to `back`. Raises
        NotYours where the domain has none."""
        ...
