"""What a provider's refusal means: HTTP status or error object in, fault out.

Sources: OpenAI "Error codes", Anthropic "Errors", google.rpc.Code, and research on the providers' client libraries.
"""

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from shared.core.faults import (
    Overloaded,
    ProviderFault,
    Refused,
    Rejected,
    Throttled,
    TimedOut,
    TooLong,
    Unauthorised,
)

_BY_STATUS: dict[int, type[ProviderFault]] = {
    401: Unauthorised,
    402: Unauthorised,
    403: Unauthorised,
    408: TimedOut,
    429: Throttled,
    504: TimedOut,
}
_BY_WORD: dict[str, type[ProviderFault]] = {
    "authentication_error": Unauthorised,
    "invalid_api_key": Unauthorised,
    "permission_error": Unauthorised,
    "billing_error": Unauthorised,
    "insufficient_quota": Unauthorised,
    "unauthenticated": Unauthorised,
    "permission_denied": Unauthorised,
    "rate_limit_error": Throttled,
    "rate_limit_exceeded": Throttled,
    "requests": Throttled,
    "tokens": Throttled,
    "resource_exhausted": Throttled,
    "timeout_error": TimedOut,
    "timeout": TimedOut,
    "deadline_exceeded": TimedOut,
    "invalid_request_error": Rejected,
    "not_found_error": Rejected,
    "request_too_large": Rejected,
    "model_not_found": Rejected,
    "context_length_exceeded": Rejected,
    "invalid_argument": Rejected,
    "failed_precondition": Rejected,
    "not_found": Rejected,
}
"""For errors inside a 200, where the frame has no number; a word that is not here is the provider's own trouble."""
_CONTENT = re.compile(
    r"content_filter|content_policy|_policy$|policy_violation|moderation_blocked|^invalid_prompt$|^prompt_blocked$"
)

_TOO_LONG = re.compile(
    r"context_length_exceeded|maximum context length|prompt is too long|input token count .{0,40}exceeds|"
    r"exceeds? the (?:available )?context",
    re.IGNORECASE,
)
"""OpenAI's code; the words of OpenAI and vLLM, Anthropic, Gemini, llama.cpp: the last four have no code for it."""


def _seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _seconds_until(when: str, now: str) -> float | None:
    """Between two HTTP dates: the provider's own clock, so that ours needs no reading here."""
    try:
        return max(0.0, (parsedate_to_datetime(when) - parsedate_to_datetime(now)).total_seconds())
    except (ValueError, TypeError):
        return None


def retry_after(headers: Mapping[str, str], details: Any = None) -> float | None:
    """How long the provider asks us to wait, in seconds: its headers, or google.rpc.RetryInfo in an error's details."""
    if (milliseconds := _seconds(headers.get("retry-after-ms", ""))) is not None:
        return milliseconds / 1000
    if header := headers.get("retry-after", ""):
        found = _seconds(header)
        return found if found is not None else _seconds_until(header, headers.get("date", ""))
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, Mapping) and str(detail.get("@type", "")).endswith("RetryInfo"):
            return _seconds(str(detail.get("retryDelay", "")).removesuffix("s"))
    return None


def kind_of(status: int, code: str, word: str = "") -> type[ProviderFault]:
    """The fault for an HTTP status and the provider's own words. `status` 200 is an error inside an answer."""
    if status < 500 and (_CONTENT.search(code.lower()) or _CONTENT.search(word.lower())):
        return Refused
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return Overloaded
    if status >= 300:
        return Rejected
    return _BY_WORD.get(code.lower()) or _BY_WORD.get(word.lower()) or Overloaded


def _plain_message(error: Any) -> str:
    """The words of an error object of unknown make."""
    if isinstance(error, str):
        return error
    if isinstance(error, Mapping):
        for key in ("message", "detail", "error", "title"):
            if found := error.get(key):
                return found if isinstance(found, str) else _plain_message(found)
    return ""


def failure(
    error: Any, *, status: int, code: str, headers: Mapping[str, str], word: str = "", text: str = ""
) -> ProviderFault:
    """The fault for an error object. `status` is that of the response; a number in the object overrides a 200."""
    details: Any = None
    if isinstance(error, Mapping):
        details = error.get("details")
        number = error.get("code")
        if status < 300 and str(number).isdigit() and 300 <= int(str(number)) < 600:
            status = int(str(number))
    kind = kind_of(status, code, word)
    message = _plain_message(error) or text[:500].strip()
    if kind is Rejected and _TOO_LONG.search(f"{code} {message}"):
        kind = TooLong
    return kind(
        message,
        retry_after=retry_after(headers, details),
        provider_status=status,
        provider_code=code or (str(status) if status >= 300 else kind.code),
    )
