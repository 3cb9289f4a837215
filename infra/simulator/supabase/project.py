"""What both services stand behind: keys, signatures, the gateway's own checks, and what goes wrong on command."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

Json = dict[str, Any]
Hook = Callable[[Json], Awaitable[Json]]
_OPEN = ("/auth/v1/verify", "/auth/v1/.well-known/jwks.json", "/storage/v1/object/sign/")
"""What the gateway lets through without a key: what is opened from a mail or by a link."""


class Refusal(Exception):
    """Turned into a service's own answer by the service."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(slots=True)
class Trouble:
    """What the next `times` requests whose path holds `match` meet: first a wait, then an answer of a gateway with
    `status` (0: none, the request goes on)."""

    status: int = 0
    seconds: float = 0.0
    times: int = 1
    match: str = ""
    junk: bool = False
    """The answer is no JSON."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One that Auth would have sent."""

    to: str
    kind: str
    token_hash: str


class SigningKey:
    """An ES256 key with an id."""

    def __init__(self) -> None:
        self.kid = str(uuid4())
        self.private = ec.generate_private_key(ec.SECP256R1())

    def public(self) -> Json:
        """As it stands in a key set."""
        shown: Json = jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**shown, "kid": self.kid, "alg": "ES256", "use": "sig", "key_ops": ["verify"]}


class Project:
    """A project's state. `url` is known once it is served."""

    def __init__(self, hook: Hook | None = None) -> None:
        self.url = ""
        self.hook = hook
        self.anon_key = f"sb_publishable_{secrets.token_hex(12)}"
        self.service_key = f"sb_secret_{secrets.token_hex(12)}"
        self.ahead = 0.0
        """Seconds by which the project's clock is ahead: lets tokens and links expire."""
        self.troubles: list[Trouble] = []
        self.mails: list[Mail] = []
        self.providers: dict[str, str] = {}
        """Identity providers' addresses by e-mail domain."""
        self.buckets: dict[str, Json] = {}
        """As Storage shows them: a test takes one out, or lowers its `file_size_limit`."""
        self.seen: list[tuple[str, str]] = []
        """Method and path of every request."""
        self.signing = SigningKey()
        self.published = [self.signing]
        self.link_secret = secrets.token_hex(32)

    @property
    def issuer(self) -> str:
        """As tokens name it."""
        return f"{self.url}/auth/v1"

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time() + self.ahead

    def rotate(self) -> SigningKey:
        """A new key signs from now on; the old one is still published. Returns the old one."""
        old, self.signing = self.signing, SigningKey()
        self.published.append(self.signing)
        return old

    def signed(self, claims: Json, key: SigningKey | None = None) -> str:
        """A token with these claims."""
        key = key or self.signing
        return jwt.encode(claims, key.private, algorithm="ES256", headers={"kid": key.kid})

    def claims(self, token: str) -> Json | None:
        """Those of a token of this project that holds now."""
        for key in self.published:
            try:
                found: Json = jwt.decode(
                    token,
                    key.private.public_key(),
                    algorithms=["ES256"],
                    audience="authenticated",
                    options={"verify_exp": False},
                )
            except jwt.PyJWTError:
                continue
            return found if found["exp"] > self.now() else None
        return None

    def caller(self, request: web.Request) -> str | Json:
        """`service`, `anon`, or the claims of a person. Raises Refusal for a bearer that is none of them."""
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if bearer in ("", self.anon_key):
            return "service" if request.headers.get("apikey") == self.service_key and not bearer else "anon"
        if bearer == self.service_key:
            return "service"
        claims = self.claims(bearer)
        if claims is None:
            raise Refusal(403, "bad_jwt", "invalid JWT: unable to parse or verify signature")
        return claims

    @web.middleware
    async def gate(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """The gateway: troubles first, then the project's key."""
        self.seen.append((request.method, request.path))
        trouble = next(
            (each for each in self.troubles if each.times > 0 and each.match in request.path), None
        )
        if trouble is not None:
            trouble.times -= 1
            await asyncio.sleep(trouble.seconds)
            if trouble.junk:
                return web.Response(status=trouble.status or 200, text="<html>bad gateway</html>")
            if trouble.status:
                return web.json_response({"message": "name resolution failed"}, status=trouble.status)
        upload = request.method == "PUT" and request.path.startswith("/storage/v1/object/upload/sign/")
        if not upload and not request.path.startswith(_OPEN):
            key = request.headers.get("apikey")
            if key is None:
                hint = "No `apikey` request header or url param was found."
                return web.json_response({"message": "No API key found in request", "hint": hint}, status=401)
            if key not in (self.anon_key, self.service_key):
                return web.json_response({"message": "Invalid API key"}, status=401)
        return await handler(request)
