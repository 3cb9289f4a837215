"""One Supabase project: its client, made with the first call, and its errors as faults."""

import asyncio
import contextlib
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING

from shared.core.faults import (
    BadRequest,
    Conflict,
    Fault,
    Forbidden,
    NotYours,
    TooFast,
    TooLarge,
    Unavailable,
)

if TYPE_CHECKING:
    import httpx
    from storage3.exceptions import StorageApiError
    from supabase import AsyncClient

_SECONDS = 10.0
"""For one request, as a whole file can take longer: between two reads or writes."""
_TAKEN = frozenset(("email_exists", "user_already_exists", "conflict", "identity_already_exists"))
_AGAINST = frozenset(
    ("email_address_not_authorized", "signup_disabled", "email_provider_disabled", "saml_provider_disabled")
)
_BAD_FIELD = {"weak_password": "password", "email_address_invalid": "email", "validation_failed": "email"}


class Project:
    """Where it is and the service key, which no policy binds: it never leaves the server."""

    def __init__(self, url: str, service_key: str) -> None:
        self._url = url.rstrip("/")
        self._key = service_key
        self._lock = asyncio.Lock()
        self._http: httpx.AsyncClient | None = None
        self._client: AsyncClient | None = None

    async def client(self) -> "AsyncClient":
        """The client; one set of connections for Auth and Storage. Raises Unavailable for settings that are none."""
        async with self._lock:
            if self._client is None:
                self._client = await self._made()
            return self._client

    async def _made(self) -> "AsyncClient":
        await asyncio.to_thread(import_module, "supabase")
        import httpx
        import supabase

        self._http = httpx.AsyncClient(timeout=_SECONDS)
        # The server is nobody's session: nothing to keep, nothing to refresh, and no verifier to remember.
        options = supabase.AsyncClientOptions(
            httpx_client=self._http, auto_refresh_token=False, persist_session=False, flow_type="implicit"
        )
        try:
            return supabase.AsyncClient(self._url, self._key, options)
        except Exception as error:
            await self._http.aclose()
            raise Unavailable(f"SUPABASE_URL or SUPABASE_SERVICE_KEY can't be used: {error}.") from error

    async def close(self) -> None:
        """Close connections, if there were any. A later call opens new ones."""
        async with self._lock:
            http, self._http, self._client = self._http, None, None
            if http is not None:
                await http.aclose()


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """Errors of the client as faults; `what` names the thing in a sentence: "The file 'a.txt'"."""
    import httpx
    from storage3.exceptions import StorageApiError
    from storage3.utils import StorageException
    from supabase_auth.errors import AuthApiError, AuthError, AuthRetryableError, AuthWeakPasswordError

    try:
        yield
    except StorageApiError as error:
        raise _of_storage(error, what) from error
    except AuthRetryableError as error:
        raise Unavailable("Supabase Auth can't be reached.") from error
    except (AuthApiError, AuthWeakPasswordError) as error:
        raise _of_auth(error.status, error.code, error.message, what) from error
    except (AuthError, StorageException) as error:
        raise Unavailable("Supabase's answer was not understood.") from error
    except httpx.HTTPError as error:
        raise Unavailable(f"Supabase can't be reached ({type(error).__name__}).") from error
    except (ValueError, KeyError) as error:  # pydantic's errors among them
        raise Unavailable("Supabase's answer was not understood.") from error


def _of_storage(error: "StorageApiError", what: str) -> Fault:
    status, text = int(error.status) if str(error.status).isdigit() else 0, str(error.message)
    if status == 404 and "bucket" in text.lower():
        return Unavailable(
            "A bucket is missing in Supabase Storage: apply the migrations ('chatsmart migrate')."
        )
    if status == 404:
        return NotYours(f"{what} is not there.")
    if status == 409:
        return Conflict(f"{what} is there already.")
    if status == 413:
        return TooLarge(f"{what} is larger than Supabase Storage takes.")
    if status == 415:
        return BadRequest(f"{what} is of a type that is not taken.", param="media_type")
    if status in (401, 403):
        return _wrong_key()
    if status == 429:
        return TooFast("Supabase Storage lets nothing more through for a moment.")
    return Unavailable(f"Supabase Storage failed (status {error.status}).")


def _of_auth(status: int, code: str | None, text: str, what: str) -> Fault:
    if code in _TAKEN:
        return Conflict(f"{what} has an account already.")
    if code in _AGAINST:
        return Forbidden(f"Supabase Auth does not allow it: {text}.")
    if code in _BAD_FIELD:
        return BadRequest(f"Supabase Auth refuses it: {text}.", param=_BAD_FIELD[code])
    if status == 404:
        return NotYours(f"{what} is not there.")
    if status == 429:
        return TooFast("Supabase Auth lets nothing more through for now; mails have a limit of their own.")
    if status in (401, 403):
        return _wrong_key()
    return Unavailable(f"Supabase Auth failed (status {status}).")


def _wrong_key() -> Fault:
    return Unavailable("Supabase refuses SUPABASE_SERVICE_KEY: set the project's secret key.")
