"""What `chatsmart doctor` finds out about a live Supabase project over HTTP: Auth, its keys, the service key, buckets.

What belongs in it stands in infra/supabase/config.toml and the migrations. No key is ever shown.
"""

import base64
import binascii
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from infra.cli.finding import Finding
from shared.config import Settings
from shared.ports.objects import BUCKETS

if TYPE_CHECKING:
    import httpx

SECONDS = 5.0
_PUSH = "Make the project as its file says: `supabase config push --workdir infra`."
_KEY = "Take the secret key (sb_secret_…) from the project's API keys, and never the publishable or anon one."
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class _Wrong(Exception):
    """What was found, and what to do."""

    def __init__(self, found: str, advice: str) -> None:
        super().__init__(found)
        self.found, self.advice = found, advice


async def supabase_checks(settings: Settings) -> list[Finding]:
    """Findings on the project that SUPABASE_URL names; one where none is named."""
    if not settings.supabase_url:
        return [Finding("supabase", "skipped", "SUPABASE_URL is not set: people sign in by API key only")]
    import httpx

    key = settings.supabase_service_key
    headers = {"apikey": key, "authorization": f"Bearer {key}"} if key else {}
    try:
        _check_address(settings.supabase_url)
        made = httpx.AsyncClient(base_url=settings.supabase_url, timeout=SECONDS, headers=headers)
    except _Wrong as wrong:
        return [Finding("supabase", "failed", wrong.found, wrong.advice)]
    except ValueError:
        advice = "It must be of plain letters: copy it again."
        return [Finding("service key", "failed", "SUPABASE_SERVICE_KEY can't be sent", advice)]
    async with made as client:
        health = await _finding("auth", _health(client, settings))
        if health.status == "failed":
            return [health]
        return [
            health,
            await _finding("auth settings", _auth_settings(client)),
            await _finding("auth keys", _signing_keys(settings)),
            await _finding("service key", _service_key(client, settings)),
            await _finding("buckets", _buckets(client)),
            await _finding("data api", _schemas(client)),
        ]


async def _finding(name: str, check: Any) -> Finding:
    import httpx

    try:
        return Finding(name, "ok", await check)
    except _Wrong as wrong:
        return Finding(name, "failed", wrong.found, wrong.advice)
    except httpx.HTTPError as error:
        found = f"does not answer: {str(error) or type(error).__name__}"
        return Finding(
            name, "failed", found, "Check SUPABASE_URL and the network; a free project may be paused."
        )


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _Wrong("SUPABASE_URL is no address", "It looks like https://PROJECT.supabase.co.")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise _Wrong(
            "SUPABASE_URL is not encrypted", "Begin it with https://: the service key travels with it."
        )
    if parts.path.strip("/"):
        raise _Wrong("SUPABASE_URL has a path", "It ends with the host: https://PROJECT.supabase.co.")


async def _health(client: "httpx.AsyncClient", settings: Settings) -> str:
    answer = await client.get("/auth/v1/health")
    if answer.status_code in (401, 403):
        # a gateway stands before Auth; what the key says of itself may tell why
        why = _wrong_key(settings) or f"answers {answer.status_code}"
        raise _Wrong(f"the project refuses SUPABASE_SERVICE_KEY: {why}", _KEY)
    said = _json(answer, "Auth") if answer.status_code != 404 else {}
    if not isinstance(said, dict) or "version" not in said:
        raise _Wrong("what answers is not Supabase Auth", "Check SUPABASE_URL.")
    return f"Auth {said['version']} at {urlsplit(str(client.base_url)).netloc}"


async def _auth_settings(client: "httpx.AsyncClient") -> str:
    said = _json(await client.get("/auth/v1/settings"), "Auth's settings")
    wrong = []
    if said.get("mailer_autoconfirm"):
        wrong.append("addresses count without being confirmed")
    if (said.get("external") or {}).get("anonymous_users"):
        wrong.append("anybody signs in anonymously")
    if wrong:
        raise _Wrong(", ".join(wrong), _PUSH)
    on = sorted(name for name, is_on in (said.get("external") or {}).items() if is_on is True)
    saml = ", SAML" if said.get("saml_enabled") else ""
    return f"addresses are confirmed; sign-in by {', '.join(on) or 'nothing'}{saml}"


async def _signing_keys(settings: Settings) -> str:
    import httpx

    wanted = f"{settings.supabase_url.rstrip('/')}/auth/v1/.well-known/jwks.json"
    if settings.supabase_jwks_url != wanted:
        told = "is not this project's" if settings.supabase_jwks_url else "is not set"
        raise _Wrong(
            f"SUPABASE_JWKS_URL {told}", f"Set it to {wanted}: tokens are checked with what it gives."
        )
    async with httpx.AsyncClient(timeout=SECONDS) as client:
        said = _json(await client.get(wanted), "the key set")
    keys = said.get("keys") if isinstance(said, dict) else None
    usable = [_usable(key) for key in keys] if isinstance(keys, list) else []
    if not any(usable):
        raise _Wrong(
            "no key that signs with ES256 or RS256",
            "The project signs with a shared secret: rotate to an asymmetric key under JWT keys, and revoke the old.",
        )
    return ", ".join(name for name in usable if name)


def _usable(key: object) -> str:
    """Algorithm and id, or nothing where tokens signed so would be refused."""
    import jwt

    try:
        made = jwt.PyJWK(key if isinstance(key, dict) else {})
    except jwt.PyJWTError:
        return ""
    good = made.key_id and made.algorithm_name in ("ES256", "RS256")
    return f"{made.algorithm_name} {made.key_id[:8]}…" if good and made.key_id else ""


async def _service_key(client: "httpx.AsyncClient", settings: Settings) -> str:
    kind = _kind(settings.supabase_service_key, settings.supabase_url)
    answer = await client.get("/auth/v1/admin/users", params={"page": 1, "per_page": 1})
    if answer.status_code in (401, 403):
        raise _Wrong(
            f"it looks like one, and Auth refuses it ({answer.status_code})", f"It may be revoked. {_KEY}"
        )
    _json(answer, "Auth's list of people")
    return f"{kind}, accepted"


def _kind(key: str, url: str) -> str:
    """What a key says it is. Raises _Wrong where it is none that passes policies by."""
    if not key:
        raise _Wrong("SUPABASE_SERVICE_KEY is not set", _KEY)
    if key.startswith("sb_publishable_"):
        raise _Wrong("it is the publishable key, which every browser has", _KEY)
    if key.startswith("sb_secret_"):
        return "a secret key"
    claims = _claims(key)
    if claims.get("role") != "service_role":
        said = (
            f"its role is {claims['role']}"
            if isinstance(claims.get("role"), str)
            else "it is no key of Supabase's"
        )
        raise _Wrong(said, _KEY)
    ends = claims.get("exp")
    if isinstance(ends, (int, float)) and ends < time.time():
        raise _Wrong("it has expired", _KEY)
    ref, host = claims.get("ref"), urlsplit(url).hostname or ""
    if isinstance(ref, str) and host.endswith(".supabase.co") and host != f"{ref}.supabase.co":
        raise _Wrong("it is another project's", _KEY)
    return "a service_role token (old style: a secret key can be revoked by itself)"


def _wrong_key(settings: Settings) -> str:
    try:
        _kind(settings.supabase_service_key, settings.supabase_url)
    except _Wrong as wrong:
        return wrong.found
    return ""


def _claims(token: str) -> dict[str, Any]:
    """What a token says of itself; nobody's word is taken here, Auth decides below."""
    try:
        body = token.split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return {}
    return said if isinstance(said, dict) else {}


async def _buckets(client: "httpx.AsyncClient") -> str:
    said = _json(await client.get("/storage/v1/bucket"), "Storage")
    there = {row.get("id"): row for row in said if isinstance(row, dict)} if isinstance(said, list) else {}
    missing = [name for name in BUCKETS if name not in there]
    if missing:
        raise _Wrong(f"missing: {', '.join(missing)}", "Run `chatsmart migrate`: a migration makes them.")
    public = [name for name in BUCKETS if there[name].get("public")]
    if public:
        raise _Wrong(
            f"public: {', '.join(public)}", "Everybody can read what is in them: make them private, today."
        )
    return f"{', '.join(BUCKETS)}: there and private"


async def _schemas(client: "httpx.AsyncClient") -> str:
    """PostgREST must not serve `app`: its functions are for the app's login."""
    answer = await client.get("/rest/v1/", headers={"accept-profile": "app"})
    if answer.status_code == 200:
        raise _Wrong("the schema `app` is served to browsers", f"Take it out of the exposed schemas. {_PUSH}")
    if answer.status_code not in (404, 406):
        raise _Wrong(
            f"answers {answer.status_code} when asked for a schema it should not have", "Check the Data API."
        )
    return "serves no schema of the app's"


def _json(answer: "httpx.Response", what: str) -> Any:
    if answer.status_code in (401, 403):
        raise _Wrong(f"{what}: refused ({answer.status_code})", _KEY)
    if answer.status_code != 200:
        raise _Wrong(
            f"{what}: answers {answer.status_code}", "Look at the project's status page and its logs."
        )
    try:
        return answer.json()
    except ValueError:
        raise _Wrong(f"{what}: answers something else than JSON", "Check SUPABASE_URL.") from None
