"""Supabase Auth (GoTrue): accounts, invitations, sessions, the token hook and the published keys."""

import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
from aiohttp import web

from infra.simulator.supabase.project import Json, Mail, Project, Refusal

_VERSION = "2024-01-01"
_LIFETIME = 900
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_WEAKEST = 12


class Auth:
    """Everything under `/auth/v1`."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._users: dict[str, Json] = {}
        self._passwords: dict[str, bytes] = {}
        self._refreshing: dict[str, str] = {}
        self._mailed: dict[str, str] = {}

    def routes(self, app: web.Application) -> None:
        """Puts the endpoints into the application."""
        table: dict[tuple[str, str], Callable[[web.Request], Awaitable[Any]]] = {
            ("GET", "health"): self._health,
            ("GET", "settings"): self._settings,
            ("GET", ".well-known/jwks.json"): self._keys,
            ("POST", "token"): self._token,
            ("POST", "verify"): self._verify,
            ("POST", "logout"): self._logout,
            ("POST", "sso"): self._sso,
            ("GET", "user"): self._self,
            ("PUT", "user"): self._change_self,
            ("POST", "invite"): self._admin(self._invite),
            ("POST", "admin/generate_link"): self._admin(self._generate_link),
            ("GET", "admin/users"): self._admin(self._list),
            ("POST", "admin/users"): self._admin(self._create),
            ("GET", "admin/users/{id}"): self._admin(self._get),
            ("PUT", "admin/users/{id}"): self._admin(self._update),
            ("DELETE", "admin/users/{id}"): self._admin(self._delete),
        }
        for (method, path), act in table.items():
            app.router.add_route(method, f"/auth/v1/{path}", _answering(act))

    def _admin(self, act: Callable[[web.Request], Awaitable[Any]]) -> Callable[[web.Request], Awaitable[Any]]:
        async def guarded(request: web.Request) -> Any:
            caller = self._project.caller(request)
            if caller == "anon":
                raise Refusal(401, "no_authorization", "This endpoint requires a valid Bearer token")
            if caller != "service":
                raise Refusal(403, "not_admin", "User not allowed")
            return await act(request)

        return guarded

    async def _health(self, request: web.Request) -> Json:
        return {"version": "v2.190.0", "name": "GoTrue", "description": "GoTrue is a user registration API"}

    async def _settings(self, request: web.Request) -> Json:
        return {
            "external": {"email": True, "phone": False, "anonymous_users": False},
            "disable_signup": False,
            "mailer_autoconfirm": False,
            "phone_autoconfirm": False,
            "sms_provider": "",
            "saml_enabled": bool(self._project.providers),
        }

    async def _keys(self, request: web.Request) -> Json:
        return {"keys": [key.public() for key in self._project.published]}

    # accounts

    async def _create(self, request: web.Request) -> Json:
        body = await _body(request)
        if self._by_email(_address(body)) is not None:
            raise _taken()
        password = body.get("password") or secrets.token_hex(16)
        self._check(password)
        user = self._made(_address(body), body.get("user_metadata") or {}, body.get("app_metadata") or {})
        self._passwords[user["id"]] = _digest(user["id"], password)
        if body.get("email_confirm"):
            self._confirm(user)
        return user

    async def _list(self, request: web.Request) -> Json:
        page, many = int(request.query.get("page") or 1), int(request.query.get("per_page") or 50)
        users = list(self._users.values())[(page - 1) * many : page * many]
        return {"users": users, "aud": "authenticated"}

    async def _get(self, request: web.Request) -> Json:
        return self._named(request)

    async def _update(self, request: web.Request) -> Json:
        user, body = self._named(request), await _body(request)
        return self._changed(user, body, admin=True)

    async def _delete(self, request: web.Request) -> Json:
        user = self._named(request)
        del self._users[user["id"]]
        self._passwords.pop(user["id"], None)
        return {}

    async def _invite(self, request: web.Request) -> Json:
        body = await _body(request)
        user = self._by_email(_address(body))
        if user is not None and user["email_confirmed_at"]:
            raise _taken()
        if user is None:
            user = self._made(_address(body), body.get("data") or {}, {})
        user["invited_at"] = user["confirmation_sent_at"] = self._stamp()
        self._mail(user, "invite")
        return user

    async def _generate_link(self, request: web.Request) -> Json:
        body = await _body(request)
        kind, user = str(body.get("type")), self._by_email(_address(body))
        if kind not in ("invite", "signup", "magiclink", "recovery"):
            raise Refusal(400, "validation_failed", "Invalid email action link type requested")
        if user is None and kind == "recovery":
            raise Refusal(404, "user_not_found", "User with this email not found")
        if user is not None and kind in ("invite", "signup") and user["email_confirmed_at"]:
            raise _taken()
        user = user or self._made(_address(body), body.get("data") or {}, {})
        token = self._tokened(user)
        back = request.query.get("redirect_to", self._project.url)
        link = f"{self._project.issuer}/verify?token={token}&type={kind}&redirect_to={back}"
        return {
            **user,
            "action_link": link,
            "email_otp": f"{secrets.randbelow(10**8):08}",
            "hashed_token": token,
            "redirect_to": back,
            "verification_type": kind,
        }

    # sessions

    async def _token(self, request: web.Request) -> Json:
        body, kind = await _body(request), request.query.get("grant_type")
        if kind == "password":
            user = self._by_email(str(body.get("email")).lower())
            if user is None or self._passwords.get(user["id"]) != _digest(user["id"], str(body["password"])):
                raise Refusal(400, "invalid_credentials", "Invalid login credentials")
            if not user["email_confirmed_at"]:
                raise Refusal(400, "email_not_confirmed", "Email not confirmed")
            return await self._session(user)
        if kind == "refresh_token":
            user = self._users.get(self._refreshing.pop(str(body.get("refresh_token")), ""))
            if user is None:
                raise Refusal(
                    400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found"
                )
            return await self._session(user)
        raise Refusal(400, "validation_failed", "unsupported_grant_type")

    async def _verify(self, request: web.Request) -> Json:
        body = await _body(request)
        user = self._users.get(self._mailed.pop(str(body.get("token_hash")), ""))
        if user is None:
            raise Refusal(403, "otp_expired", "Email link is invalid or has expired")
        self._confirm(user)
        return await self._session(user)

    async def _logout(self, request: web.Request) -> None:
        user = self._mine(request)
        self._refreshing = {token: owner for token, owner in self._refreshing.items() if owner != user["id"]}

    async def _self(self, request: web.Request) -> Json:
        return self._mine(request)

    async def _change_self(self, request: web.Request) -> Json:
        return self._changed(self._mine(request), await _body(request), admin=False)

    async def _sso(self, request: web.Request) -> Json:
        domain = str((await _body(request)).get("domain"))
        if domain not in self._project.providers:
            raise Refusal(404, "sso_provider_not_found", "No SSO provider assigned for this domain")
        return {"url": self._project.providers[domain]}

    async def _session(self, user: Json) -> Json:
        now = int(self._project.now())
        claims = {
            "iss": self._project.issuer,
            "aud": "authenticated",
            "sub": user["id"],
            "exp": now + _LIFETIME,
            "iat": now,
            "email": user["email"],
            "phone": "",
            "app_metadata": user["app_metadata"],
            "user_metadata": user["user_metadata"],
            "role": "authenticated",
            "aal": "aal1",
            "amr": [{"method": "password", "timestamp": now}],
            "session_id": str(uuid4()),
            "is_anonymous": False,
        }
        if self._project.hook is not None:
            event = {"user_id": user["id"], "claims": claims, "authentication_method": "password"}
            claims = (await self._project.hook(event))["claims"]
        user["last_sign_in_at"] = self._stamp()
        refresh = secrets.token_urlsafe(9)
        self._refreshing[refresh] = user["id"]
        return {
            "access_token": self._project.signed(claims),
            "token_type": "bearer",
            "expires_in": _LIFETIME,
            "expires_at": now + _LIFETIME,
            "refresh_token": refresh,
            "user": user,
        }

    # what they share

    def _changed(self, user: Json, body: Json, *, admin: bool) -> Json:
        if body.get("password"):
            self._check(body["password"])
            self._passwords[user["id"]] = _digest(user["id"], body["password"])
        data = body.get("user_metadata" if admin else "data")
        user["user_metadata"].update(data or {})
        if admin:
            user["app_metadata"].update(body.get("app_metadata") or {})
            if body.get("email_confirm"):
                self._confirm(user)
        user["updated_at"] = self._stamp()
        return user

    def _made(self, email: str, data: Json, app: Json) -> Json:
        at = self._stamp()
        user: Json = {
            "id": str(uuid4()),
            "aud": "authenticated",
            "role": "authenticated",
            "email": email,
            "phone": "",
            "email_confirmed_at": None,
            "app_metadata": {"provider": "email", "providers": ["email"], **app},
            "user_metadata": dict(data),
            "identities": [],
            "created_at": at,
            "updated_at": at,
            "is_anonymous": False,
        }
        self._users[user["id"]] = user
        return user

    def _confirm(self, user: Json) -> None:
        user["email_confirmed_at"] = user["confirmed_at"] = user["email_confirmed_at"] or self._stamp()

    def _tokened(self, user: Json) -> str:
        token = secrets.token_hex(28)
        self._mailed[token] = user["id"]
        return token

    def _mail(self, user: Json, kind: str) -> None:
        self._project.mails.append(Mail(user["email"], kind, self._tokened(user)))

    def _stamp(self) -> str:
        return datetime.fromtimestamp(self._project.now(), UTC).isoformat().replace("+00:00", "Z")

    def _by_email(self, email: str) -> Json | None:
        return next((user for user in self._users.values() if user["email"] == email), None)

    def _named(self, request: web.Request) -> Json:
        try:
            name = str(UUID(request.match_info["id"]))
        except ValueError:
            raise Refusal(404, "validation_failed", "user_id must be an UUID") from None
        if name not in self._users:
            raise Refusal(404, "user_not_found", "User not found")
        return self._users[name]

    def _mine(self, request: web.Request) -> Json:
        caller = self._project.caller(request)
        if isinstance(caller, str):
            raise Refusal(401, "no_authorization", "This endpoint requires a valid Bearer token")
        user = self._users.get(caller["sub"])
        if user is None:
            raise Refusal(403, "user_not_found", "User from sub claim in JWT does not exist")
        return user

    def _check(self, password: str) -> None:
        if len(password) < _WEAKEST:
            raise Refusal(422, "weak_password", f"Password should be at least {_WEAKEST} characters.")


def _answering(
    act: Callable[[web.Request], Awaitable[Any]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        try:
            found = await act(request)
        except Refusal as refusal:
            return _refused(request, refusal)
        return web.Response(status=204) if found is None else web.json_response(found)

    return answer


def _refused(request: web.Request, refusal: Refusal) -> web.Response:
    """In the form that the client's API version asks for; the older one has the number and the code apart."""
    weak = {"weak_password": {"reasons": ["length"]}} if refusal.code == "weak_password" else {}
    if request.headers.get("X-Supabase-Api-Version", "") >= _VERSION:
        return web.json_response(
            {"code": refusal.code, "message": refusal.message, **weak},
            status=refusal.status,
            headers={"X-Supabase-Api-Version": _VERSION},
        )
    old = {"code": refusal.status, "error_code": refusal.code, "msg": refusal.message, **weak}
    return web.json_response(old, status=refusal.status)


async def _body(request: web.Request) -> Json:
    try:
        found = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise Refusal(400, "bad_json", "Could not parse request body as JSON") from None
    if not isinstance(found, dict):
        raise Refusal(400, "bad_json", "Could not parse request body as JSON")
    return found


def _address(body: Json) -> str:
    email = str(body.get("email") or "").lower()
    if not _EMAIL.fullmatch(email):
        raise Refusal(400, "validation_failed", "Unable to validate email address: invalid format")
    return email


def _taken() -> Refusal:
    return Refusal(422, "email_exists", "A user with this email address has already been registered")


def _digest(user: str, password: str) -> bytes:
    return hashlib.sha256(f"{user}:{password}".encode()).digest()
