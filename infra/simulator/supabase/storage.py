"""Supabase Storage: buckets, files, lists and links that hold for a while."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import jwt
import orjson
from aiohttp import web
from aiohttp.web_request import FileField

from infra.simulator.supabase.project import Json, Project, Refusal

_KEY = re.compile(r"[\w/!.*'() &$@=;:+,?-]+", re.ASCII)
_UPLOAD_SECONDS = 7_200
_TYPES = (
    "text/plain text/markdown text/csv application/json application/x-ndjson application/pdf application/zip "
    "application/octet-stream image/png image/jpeg image/webp"
).split()


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    media_type: str
    id: str
    created: str
    updated: str


class Storage:
    """Everything under `/storage/v1`. Made with the two buckets of the migrations; a person's token meets their
    policies: what is under the tenant's folder may be read, and put into `uploads`."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._files: dict[tuple[str, str], _File] = {}
        self._buckets = project.buckets
        for name, types in (("uploads", _TYPES), ("exports", None)):
            self._buckets[name] = self._bucket(name, 52_428_800, types)

    def routes(self, app: web.Application) -> None:
        """Puts the endpoints into the application. The order decides: `sign` and `list` are no buckets."""
        table: list[tuple[str, str, Callable[[web.Request], Awaitable[Any]]]] = [
            ("GET", "bucket", self._list_buckets),
            ("POST", "bucket", self._make_bucket),
            ("GET", "bucket/{bucket}", self._get_bucket),
            ("POST", "object/move", self._move),
            ("POST", "object/list-v2/{bucket}", self._list_v2),
            ("POST", "object/list/{bucket}", self._list),
            ("POST", "object/upload/sign/{bucket}/{path:.+}", self._sign_upload),
            ("PUT", "object/upload/sign/{bucket}/{path:.+}", self._upload_signed),
            ("POST", "object/sign/{bucket}/{path:.+}", self._sign),
            ("GET", "object/sign/{bucket}/{path:.+}", self._download_signed),
            ("GET", "object/info/{bucket}/{path:.+}", self._info),
            ("GET", "object/authenticated/{bucket}/{path:.+}", self._download),
            ("GET", "object/{bucket}/{path:.+}", self._download),
            ("POST", "object/{bucket}/{path:.+}", self._upload),
            ("PUT", "object/{bucket}/{path:.+}", self._upload),
            ("DELETE", "object/{bucket}", self._remove),
        ]
        for method, path, act in table:
            app.router.add_route(method, f"/storage/v1/{path}", _answering(act))

    # buckets

    async def _list_buckets(self, request: web.Request) -> list[Json]:
        return list(self._buckets.values()) if self._caller(request) == "service" else []

    async def _get_bucket(self, request: web.Request) -> Json:
        name = request.match_info["bucket"]
        if self._caller(request) != "service":
            raise _no_bucket()
        return self._at(name)

    async def _make_bucket(self, request: web.Request) -> Json:
        body = orjson.loads(await request.read())
        name = str(body.get("id") or body.get("name"))
        if self._caller(request) != "service":
            raise _forbidden()
        if name in self._buckets:
            raise _duplicate()
        self._buckets[name] = self._bucket(
            name, body.get("file_size_limit"), body.get("allowed_mime_types"), public=bool(body.get("public"))
        )
        return {"name": name}

    # files

    async def _upload(self, request: web.Request) -> Json:
        bucket, path = self._place(request)
        self._may_write(request, bucket, path)
        upsert = request.method == "PUT" or request.headers.get("x-upsert") == "true"
        if request.method == "PUT" and (bucket, path) not in self._files:
            raise _no_object()
        return await self._kept(request, bucket, path, upsert)

    async def _kept(self, request: web.Request, bucket: str, path: str, upsert: bool) -> Json:
        if not _KEY.fullmatch(path):
            raise Refusal(400, "InvalidKey", f"Invalid key: {path}")
        old = self._files.get((bucket, path))
        if old is not None and not upsert:
            raise _duplicate()
        body, media_type = await _sent(request)
        settings = self._at(bucket)
        if settings["file_size_limit"] is not None and len(body) > settings["file_size_limit"]:
            raise Refusal(413, "Payload too large", "The object exceeded the maximum allowed size")
        if settings["allowed_mime_types"] and media_type not in settings["allowed_mime_types"]:
            raise Refusal(415, "invalid_mime_type", f"mime type {media_type} is not supported")
        at = self._stamp()
        kept = _File(body, media_type, old.id if old else str(uuid4()), old.created if old else at, at)
        self._files[bucket, path] = kept
        return {"Id": kept.id, "Key": f"{bucket}/{path}"}

    async def _download(self, request: web.Request) -> _File:
        return self._read(request)

    async def _info(self, request: web.Request) -> Json:
        file, (_, path) = self._read(request), self._place(request)
        return {"id": file.id, "name": path, "size": len(file.body), "content_type": file.media_type}

    async def _remove(self, request: web.Request) -> list[Json]:
        bucket, body = request.match_info["bucket"], orjson.loads(await request.read())
        self._at(bucket)
        # what a person may not delete is skipped without a word, as a policy does
        mine = self._caller(request) == "service"
        here = [path for path in body["prefixes"] if mine and (bucket, path) in self._files]
        return [self._row(path, self._files.pop((bucket, path))) for path in here]

    async def _move(self, request: web.Request) -> Json:
        body = orjson.loads(await request.read())
        old, new = (body["bucketId"], body["sourceKey"]), (body["bucketId"], body["destinationKey"])
        if self._caller(request) != "service" or old not in self._files:
            raise _no_object()
        if new in self._files:
            raise _duplicate()
        self._files[new] = self._files.pop(old)
        return {"message": "Successfully moved"}

    async def _list_v2(self, request: web.Request) -> Json:
        bucket, body = request.match_info["bucket"], orjson.loads(await request.read())
        self._at(bucket)
        prefix, many, after = body.get("prefix", ""), int(body.get("limit", 1000)), body.get("cursor", "")
        fitting = [
            path
            for path in self._visible(request, bucket)
            if path.startswith(prefix) and (not after or path > bytes.fromhex(after).decode())
        ]
        page = fitting[: min(many, 1000)]
        more = len(fitting) > len(page)
        rows = [{**self._row(path, self._files[bucket, path]), "key": path} for path in page]
        found = {"hasNext": more, "folders": [], "objects": rows}
        return {**found, "nextCursor": page[-1].encode().hex()} if more else found

    async def _list(self, request: web.Request) -> list[Json]:
        """One folder, as the older endpoint shows it: what is deeper stands as a folder without an id."""
        bucket, body = request.match_info["bucket"], orjson.loads(await request.read())
        self._at(bucket)
        folder = str(body.get("prefix", "")).strip("/")
        folder = f"{folder}/" if folder else ""
        rows: dict[str, Json] = {}
        for path in self._visible(request, bucket):
            if path.startswith(folder):
                name, deeper, _ = path.removeprefix(folder).partition("/")
                rows[name] = (
                    {"name": name, "id": None, "metadata": None}
                    if deeper
                    else self._row(name, self._files[bucket, path])
                )
        start = int(body.get("offset", 0))
        return [rows[name] for name in sorted(rows)][start : start + int(body.get("limit", 100))]

    # links

    async def _sign(self, request: web.Request) -> Json:
        bucket, path = self._place(request)
        self._read(request)
        seconds = int(orjson.loads(await request.read())["expiresIn"])
        token = self._token(f"{bucket}/{path}", seconds)
        return {"signedURL": f"/object/sign/{bucket}/{quote(path)}?token={token}"}

    async def _download_signed(self, request: web.Request) -> _File:
        place = self._place(request)
        self._check_token(request, "/".join(place))
        if place not in self._files:
            raise _no_object()
        return self._files[place]

    async def _sign_upload(self, request: web.Request) -> Json:
        bucket, path = self._place(request)
        self._may_write(request, bucket, path)
        if (bucket, path) in self._files and request.headers.get("x-upsert") != "true":
            raise _duplicate()
        token = self._token(f"upload:{bucket}/{path}", _UPLOAD_SECONDS)
        return {"url": f"/object/upload/sign/{bucket}/{quote(path)}?token={token}", "token": token}

    async def _upload_signed(self, request: web.Request) -> Json:
        bucket, path = self._place(request)
        self._check_token(request, f"upload:{bucket}/{path}")
        return await self._kept(request, bucket, path, upsert=False)

    def _token(self, what: str, seconds: int) -> str:
        claims = {"url": what, "exp": int(self._project.now()) + seconds}
        return jwt.encode(claims, self._project.link_secret, algorithm="HS256")

    def _check_token(self, request: web.Request, what: str) -> None:
        try:
            claims = jwt.decode(
                request.query.get("token", ""),
                self._project.link_secret,
                algorithms=["HS256"],
                options={"verify_exp": False},
            )
        except jwt.PyJWTError:
            raise Refusal(400, "InvalidJWT", "signature verification failed") from None
        if claims["exp"] <= self._project.now():
            raise Refusal(400, "InvalidJWT", '"exp" claim timestamp check failed')
        if claims["url"] != what:
            raise Refusal(400, "InvalidSignature", "The signed url does not match the object")

    # who may what

    def _caller(self, request: web.Request) -> str:
        """`service`, `anon`, or a person's tenant behind `tenant:`."""
        try:
            caller = self._project.caller(request)
        except Refusal:
            raise Refusal(403, "Unauthorized", "Invalid Compact JWS") from None
        if isinstance(caller, str):
            return caller
        return f"tenant:{(caller.get('app_metadata') or {}).get('tenant_id', '')}"

    def _may_write(self, request: web.Request, bucket: str, path: str) -> None:
        caller = self._caller(request)
        if caller != "service" and (
            bucket != "uploads" or caller != f"tenant:{path.partition('/')[0]}" or caller == "tenant:"
        ):
            raise _forbidden()

    def _visible(self, request: web.Request, bucket: str) -> list[str]:
        caller = self._caller(request)
        return sorted(
            path
            for where, path in self._files
            if where == bucket and (caller in ("service", f"tenant:{path.partition('/')[0]}"))
        )

    def _read(self, request: web.Request) -> _File:
        bucket, path = self._place(request)
        caller = self._caller(request)
        file = self._files.get((bucket, path))
        if file is None or caller not in ("service", f"tenant:{path.partition('/')[0]}"):
            raise _no_object()
        return file

    def _place(self, request: web.Request) -> tuple[str, str]:
        bucket = request.match_info["bucket"]
        self._at(bucket)
        return bucket, request.match_info["path"]

    def _at(self, bucket: str) -> Json:
        if bucket not in self._buckets:
            raise _no_bucket()
        return self._buckets[bucket]

    def _bucket(self, name: str, most: int | None, types: list[str] | None, *, public: bool = False) -> Json:
        at = self._stamp()
        return {
            "id": name,
            "name": name,
            "owner": "",
            "public": public,
            "file_size_limit": most,
            "allowed_mime_types": types,
            "created_at": at,
            "updated_at": at,
        }

    def _row(self, name: str, file: _File) -> Json:
        return {
            "id": file.id,
            "name": name,
            "created_at": file.created,
            "updated_at": file.updated,
            "metadata": {"size": len(file.body), "mimetype": file.media_type},
        }

    def _stamp(self) -> str:
        return datetime.fromtimestamp(self._project.now(), UTC).isoformat().replace("+00:00", "Z")


def _answering(
    act: Callable[[web.Request], Awaitable[Any]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        try:
            found = await act(request)
        except Refusal as refusal:
            # the status is 400 whatever the matter, and the matter's own stands inside
            shown = {"statusCode": str(refusal.status), "error": refusal.code, "message": refusal.message}
            return web.json_response(shown, status=400)
        if isinstance(found, _File):
            return web.Response(body=found.body, content_type=found.media_type)
        return web.json_response(found)

    return answer


async def _sent(request: web.Request) -> tuple[bytes, str]:
    """The file and its type: as the client sends it, in a form, or as a browser does, bare."""
    if request.content_type != "multipart/form-data":
        return await request.read(), request.content_type
    for value in (await request.post()).values():
        if isinstance(value, FileField):
            return value.file.read(), value.content_type
    raise Refusal(400, "InvalidRequest", "no file was sent")


def _no_object() -> Refusal:
    return Refusal(404, "not_found", "Object not found")


def _no_bucket() -> Refusal:
    return Refusal(404, "Bucket not found", "Bucket not found")


def _duplicate() -> Refusal:
    return Refusal(409, "Duplicate", "The resource already exists")


def _forbidden() -> Refusal:
    return Refusal(403, "Unauthorized", "new row violates row-level security policy")
