"""Supabase's JSON Web Tokens, verified by signature and claims against the project's published keys.

Not by the Supabase client: its own check accepted a wrong audience, a wrong issuer and a token from the future
(measured in our billing research). `jwt` brings `cryptography` and is imported with the first token only.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from shared.core.faults import NoKey, Unavailable
from shared.core.ids import TenantId
from shared.core.tenant import Principal
from shared.ports.clock import Clock

ALGORITHMS = ("ES256", "RS256")
"""Asymmetric only: `none` and the HMAC family never reach a key."""
AUDIENCE = "authenticated"
ROLE = "authenticated"
_KEPT_SECONDS = 600.0
_ASK_AGAIN_SECONDS = 30.0
"""An unknown key id asks for the keys again at most this often, so that junk tokens can't make us hammer them."""
_LEEWAY_SECONDS = 5

Fetch = Callable[[], Awaitable[dict[str, Any]]]


class SupabaseTokens:
    """Verifies tokens. `fetch` gets the JSON Web Key Set; `issuer` is the project's Auth address."""

    def __init__(self, fetch: Fetch, issuer: str, clock: Clock) -> None:
        self._fetch = fetch
        self._issuer = issuer
        self._clock = clock
        self._keys: dict[str, Any] = {}
        self._fetched: float | None = None

    async def principal(self, token: str) -> Principal:
        """Whose token it is. Raises NoKey where it does not hold, Unavailable where the keys can't be had."""
        import jwt

        try:
            key = await self._key(jwt.get_unverified_header(token))
            claims = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=AUDIENCE,
                issuer=self._issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "sub", "aud", "iss"]},
            )
        except jwt.PyJWTError as error:
            raise NoKey(f"The token does not hold: {error}.") from None
        return _principal(claims)

    async def _key(self, head: dict[str, Any]) -> Any:
        if head.get("alg") not in ALGORITHMS:
            raise NoKey("The token is signed with an algorithm that is not accepted.")
        kid = head.get("kid")
        if not isinstance(kid, str):
            raise NoKey("The token names no key.")
        now = self._clock.monotonic()
        age = None if self._fetched is None else now - self._fetched
        if age is None or age > _KEPT_SECONDS or (kid not in self._keys and age > _ASK_AGAIN_SECONDS):
            await self._refresh(now)
        if kid not in self._keys:
            raise NoKey("The token is signed with an unknown key.")
        return self._keys[kid]

    async def _refresh(self, now: float) -> None:
        import jwt

        try:
            found = jwt.PyJWKSet.from_dict(await self._fetch())
        except (OSError, ValueError, jwt.PyJWTError) as error:
            if self._keys:
                # Keys that were good ten minutes ago beat a closed door; try again on the next occasion.
                return
            raise Unavailable("The sign-in service's keys can't be reached.") from error
        self._keys = {
            key.key_id: key for key in found.keys if key.key_id and key.algorithm_name in ALGORITHMS
        }
        self._fetched = now


def http_fetch(url: str) -> Fetch:
    """Gets a key set over HTTP; 5 seconds at most."""

    async def fetch() -> dict[str, Any]:
        import httpx
        import orjson

        try:
            async with httpx.AsyncClient(timeout=5.0) as client:
                answer = await client.get(url)
                answer.raise_for_status()
                value: dict[str, Any] = orjson.loads(answer.content)
        except httpx.HTTPError as error:
            raise OSError(str(error)) from error
        return value

    return fetch


def _principal(claims: dict[str, Any]) -> Principal:
    if claims.get("role") != ROLE:
        raise NoKey("The token is not that of a signed-in person.")
    # Only what the server wrote counts: a person can edit `user_metadata`.
    metadata = claims.get("app_metadata")
    tenant = claims.get("tenant_id") or (metadata.get("tenant_id") if isinstance(metadata, dict) else None)
    try:
        return Principal(TenantId(str(UUID(str(tenant)))), actor=str(claims["sub"]))
    except ValueError:
        raise NoKey("The token names no tenant.") from None
