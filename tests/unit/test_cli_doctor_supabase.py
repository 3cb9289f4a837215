"""`chatsmart doctor` on a Supabase project: each thing that can be wrong is found, with what to do about it."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from infra.cli.finding import Finding
from infra.cli.supabase_checks import supabase_checks
from shared.config import Settings
from tests.unit.loopback import Loopback, as_json, loopback, problem

SECRET = "sb_secret_hunter2"
JWKS = "/auth/v1/.well-known/jwks.json"
AUTH_SETTINGS = {
    "external": {"email": True, "google": False, "anonymous_users": False},
    "mailer_autoconfirm": False,
    "saml_enabled": True,
}
SHARED = {"kty": "oct", "k": "c2VjcmV0", "kid": "a", "alg": "HS256"}
OPEN = {"id": "exports", "public": True}
BUCKETS = [{"id": "uploads", "public": False}, {"id": "exports", "public": False}]


def token(**claims: object) -> str:
    """A key of the old style; nobody checks its signature but Auth."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'HS256'})}.{part(claims)}.c2ln"


def public_key() -> dict[str, Any]:
    """As Auth publishes one."""
    made: dict[str, Any] = json.loads(
        ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key())
    )
    return made | {"kid": "0193e6a0-key", "alg": "ES256", "use": "sig"}


@pytest.fixture
def project() -> Iterator[Loopback]:
    """A sound one."""
    with loopback() as server:
        server.on("GET /auth/v1/health", as_json({"name": "GoTrue", "version": "v2.185.0"}))
        server.on("GET /auth/v1/settings", as_json(AUTH_SETTINGS))
        server.on(f"GET {JWKS}", as_json({"keys": [public_key()]}))
        server.on("GET /auth/v1/admin/users", as_json({"users": []}))
        server.on("GET /storage/v1/bucket", as_json(BUCKETS))
        server.on("GET /rest/v1/", as_json({"code": "PGRST106"}, 406))
        yield server


async def findings(url: str, **changes: str) -> dict[str, Finding]:
    """By name."""
    said = {
        "supabase_url": url,
        "supabase_service_key": SECRET,
        "supabase_jwks_url": url + JWKS,
    } | changes
    found = await supabase_checks(Settings(**said))  # type: ignore[arg-type]
    for one in found:
        assert (
            said["supabase_service_key"] not in f"{one.found}{one.advice}" or not said["supabase_service_key"]
        )
        assert (one.status == "failed") is bool(one.advice)
    return {one.name: one for one in found}


async def test_a_sound_project_has_nothing_wrong(project: Loopback) -> None:
    """Each thing was asked, with the key where the key is needed, and told."""
    found = await findings(project.url)
    assert {one.status for one in found.values()} == {"ok"}, found
    assert list(found) == ["auth", "auth settings", "auth keys", "service key", "buckets", "data api"]
    assert "v2.185.0" in found["auth"].found
    assert "email, SAML" in found["auth settings"].found
    assert "ES256" in found["auth keys"].found
    asked = {one.path.partition("?")[0]: one.headers for one in project.asked}
    assert asked["/auth/v1/admin/users"]["apikey"] == SECRET
    assert asked["/rest/v1/"]["accept-profile"] == "app"


async def test_no_project_is_no_failure() -> None:
    """A home without Supabase is looked at no further."""
    assert (await findings(""))["supabase"].status == "skipped"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("project.supabase.co", "no address"),
        ("ftp://project.supabase.co", "no address"),
        ("http://project.example", "not encrypted"),
        ("https://project.example/auth/v1", "has a path"),
    ],
)
async def test_an_address_that_can_not_be_right_is_not_asked(url: str, said: str) -> None:
    """The key must not travel there."""
    assert said in (await findings(url))["supabase"].found


async def test_a_project_that_does_not_answer_is_told_once() -> None:
    """And not once for each thing that could not be asked."""
    found = await findings("http://127.0.0.1:9")
    assert list(found) == ["auth"]
    assert "SUPABASE_URL" in found["auth"].advice


@pytest.mark.parametrize(
    ("route", "answer", "name", "said"),
    [
        ("GET /auth/v1/health", problem(401, "no"), "auth", "refuses SUPABASE_SERVICE_KEY"),
        ("GET /auth/v1/health", as_json({"hello": "there"}), "auth", "not Supabase Auth"),
        ("GET /auth/v1/health", problem(404, "what?"), "auth", "not Supabase Auth"),
        ("GET /auth/v1/health", problem(503, "away"), "auth", "answers 503"),
        (
            "GET /auth/v1/settings",
            as_json(AUTH_SETTINGS | {"mailer_autoconfirm": True}),
            "auth settings",
            "without being confirmed",
        ),
        (
            "GET /auth/v1/settings",
            as_json(AUTH_SETTINGS | {"external": {"anonymous_users": True}}),
            "auth settings",
            "anonymously",
        ),
        (f"GET {JWKS}", as_json({"keys": []}), "auth keys", "no key that signs"),
        (f"GET {JWKS}", as_json({"keys": [SHARED]}), "auth keys", "no key that signs"),
        (f"GET {JWKS}", as_json({"keys": [{"kty": "EC", "alg": "ES256"}, 7]}), "auth keys", "no key that signs"),
        (f"GET {JWKS}", problem(500, "no"), "auth keys", "answers 500"),
        ("GET /auth/v1/admin/users", problem(403, "no"), "service key", "Auth refuses it (403)"),
        ("GET /storage/v1/bucket", as_json(BUCKETS[:1]), "buckets", "missing: exports"),
        ("GET /storage/v1/bucket", as_json([BUCKETS[0], OPEN]), "buckets", "public: exports"),
        ("GET /rest/v1/", as_json({}), "data api", "served to browsers"),
        ("GET /rest/v1/", problem(500, "no"), "data api", "answers 500"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_found_and_the_rest_is_looked_at(
    project: Loopback, route: str, answer: Any, name: str, said: str
) -> None:
    """One failure with its remedy; nothing else fails with it."""
    project.on(route, answer)
    found = await findings(project.url)
    assert said in found[name].found
    assert [one.name for one in found.values() if one.status == "failed"] == [name]
    assert len(found) == (1 if name == "auth" else 6)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("", "not set"),
        ("sb_publishable_abc", "publishable"),
        (token(role="anon", exp=4e9), "its role is anon"),
        (token(role="authenticated"), "its role is authenticated"),
        (token(role="service_role", exp=1), "expired"),
        ("not-a-key", "no key of Supabase's"),
        ("a.b.c", "no key of Supabase's"),
        (f"a.{base64.urlsafe_b64encode(b'[]').decode()}.c", "no key of Supabase's"),
    ],
)
async def test_a_key_that_is_not_the_services_is_told_before_it_fails(
    project: Loopback, key: str, said: str
) -> None:
    """The anon key answers most questions just as well, and then sees nothing."""
    found = await findings(project.url, supabase_service_key=key)
    assert found["service key"].status == "failed"
    assert said in found["service key"].found
    assert "sb_secret_" in found["service key"].advice


async def test_a_gateway_that_refuses_the_key_is_told_with_the_reason(project: Loopback) -> None:
    """What the key says of itself, where that is why."""
    project.on("GET /auth/v1/health", problem(401, "no"))
    key = token(role="service_role", exp=1)
    found = await findings(project.url, supabase_service_key=key)
    assert found["auth"].found == "the project refuses SUPABASE_SERVICE_KEY: it has expired"


async def test_an_old_service_key_will_do(project: Loopback) -> None:
    """With a word on the new kind."""
    key = token(role="service_role", exp=4e9, ref="abc")
    assert (
        "secret key can be revoked"
        in (await findings(project.url, supabase_service_key=key))["service key"].found
    )


async def test_a_key_that_can_not_be_sent_is_told(project: Loopback) -> None:
    """A header holds plain letters."""
    found = await findings(project.url, supabase_service_key="sb_secret_ключ")
    assert found["service key"].status == "failed"
    assert project.asked == []


@pytest.mark.parametrize("jwks", ["", "https://other.supabase.co" + JWKS])
async def test_keys_come_from_this_project(project: Loopback, jwks: str) -> None:
    """Or another project's tokens would be let in."""
    found = await findings(project.url, supabase_jwks_url=jwks)
    assert "SUPABASE_JWKS_URL" in found["auth keys"].found
    assert project.url + JWKS in found["auth keys"].advice
