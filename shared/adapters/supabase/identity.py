"""People: accounts in Supabase Auth, their tenants in `public.members`."""

import asyncio
import contextlib
from collections.abc import Sequence

from shared.adapters.postgres.members import PostgresMembers
from shared.adapters.supabase.project import Project, translated
from shared.core.faults import Fault, NotYours, Unavailable
from shared.core.ids import TenantId
from shared.core.lines import LINES
from shared.ports.identity import Person, Role

_AT_ONCE = 8
"""Accounts that are looked up at the same time for a list."""


class SupabasePeople:
    """`ports.identity.People`."""

    def __init__(self, project: Project, members: PostgresMembers) -> None:
        self._project = project
        self._members = members

    async def invite(self, tenant: TenantId, email: str, role: Role) -> Person:
        """See the port. The account comes first: without a row its token names no tenant, and the invitation may be
        sent again."""
        await self._members.check(tenant)
        client = await self._project.client()
        with translated(f"The address '{email}'"):
            user = (await client.auth.admin.invite_user_by_email(email)).user
        await self._members.put(tenant, user.id, role)
        return Person(user.id, user.email or "", role, user.email_confirmed_at is not None)

    async def create(self, tenant: TenantId, email: str, password: str, role: Role) -> Person:
        """See the port."""
        await self._members.check(tenant)
        # In one piece: a caller who leaves meanwhile must not leave half of it behind.
        making = asyncio.ensure_future(self._made(tenant, email, password, role))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            await asyncio.wait((making,))
            raise

    async def _made(self, tenant: TenantId, email: str, password: str, role: Role) -> Person:
        client = await self._project.client()
        with translated(f"The address '{email}'"):
            user = (
                await client.auth.admin.create_user(
                    {"email": email, "password": password, "email_confirm": True}
                )
            ).user
        try:
            await self._members.put(tenant, user.id, role)
        except Fault:
            # an account that belongs nowhere would keep its address from being used again
            try:
                await self._deleted(user.id)
            except Fault as left:
                LINES.warning("account left over", person=user.id, fault=left.code, message=left.message)
            raise
        return Person(user.id, user.email or "", role, user.email_confirmed_at is not None)

    async def remove(self, tenant: TenantId, person: str) -> None:
        """See the port. Where Auth can't be reached, they stay in the tenant, and it may be tried again."""
        async with self._members.removed(tenant, person) as nowhere:
            if nowhere:
                await self._deleted(person)

    async def members(self, tenant: TenantId) -> Sequence[Person]:
        """See the port."""
        rows, gate = await self._members.listed(tenant), asyncio.Semaphore(_AT_ONCE)

        async def shown(person: str, role: Role) -> Person:
            async with gate:
                return await self._shown(person, role)

        try:
            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(shown(*row)) for row in rows]
        except* Fault as failed:
            raise failed.exceptions[0] from None
        return tuple(task.result() for task in asked)

    async def sign_on(self, domain: str, back: str) -> str:
        """See the port."""
        client = await self._project.client()
        with translated(f"An identity provider for '{domain}'"):
            answer = await client.auth.sign_in_with_sso(
                {"domain": domain, "options": {"redirect_to": back, "skip_http_redirect": True}}
            )
        return answer.url

    async def _shown(self, person: str, role: Role) -> Person:
        client = await self._project.client()
        try:
            with translated("The account"):
                user = (await client.auth.admin.get_user_by_id(person)).user
        except NotYours:
            return Person(person, "", role, confirmed=False)
        return Person(person, user.email or "", role, user.email_confirmed_at is not None)

    async def _deleted(self, person: str) -> None:
        client = await self._project.client()
        with contextlib.suppress(NotYours), translated("The account"):
            await client.auth.admin.delete_user(person)


class NoPeople:
    """`ports.identity.People` where no sign-in service is set up: all of it raises Unavailable, saying what to set."""

    async def invite(self, tenant: TenantId, email: str, role: Role) -> Person:
        """See the port."""
        raise _unset()

    async def create(self, tenant: TenantId, email: str, password: str, role: Role) -> Person:
        """See the port."""
        raise _unset()

    async def remove(self, tenant: TenantId, person: str) -> None:
        """See the port."""
        raise _unset()

    async def members(self, tenant: TenantId) -> Sequence[Person]:
        """See the port."""
        raise _unset()

    async def sign_on(self, domain: str, back: str) -> str:
        """See the port."""
        raise _unset()


def _unset() -> Fault:
    return Unavailable("People sign in through Supabase: set SUPABASE_URL and SUPABASE_SERVICE_KEY.")
