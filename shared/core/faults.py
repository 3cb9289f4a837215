"""Everything that can go wrong, as one tree. A docstring is the default message; status codes live in
`functions/web/errors.py` alone.

    Fault
    ├── CallerFault            the request can't be served as it stands
    │   ├── BadRequest         malformed, wrong type, unknown field value
    │   │   └── BadBrief       the brief or the pipeline's fields
    │   ├── TooLarge           over a size limit
    │   ├── NoKey              no, wrong, expired or revoked credential
    │   ├── Forbidden          a known caller without the right
    │   ├── NotYours           not there, or another tenant's: the caller can't tell which
    │   ├── UnknownModel       a model that the catalogue does not have
    │   ├── OverBudget         a cap would be passed
    │   ├── Conflict           the thing is in another state than the request needs
    │   ├── Gone               it was here, and its words were removed
    │   ├── TooFast            over a rate limit
    │   ├── OutputBlocked      the answer holds what the tenant's policy forbids
    │   └── PluginFault        a tenant's own program
    │       ├── BadPlugin      its text is no program of the subset, or lacks its entry
    │       ├── PluginError    it raised
    │       ├── PluginStopped  it reached a limit
    │       └── NotGranted     it asked for a host or a secret that its manifest does not grant
    ├── ProviderFault          a provider, on one leg of one call
    │   ├── Throttled          429
    │   ├── Overloaded         5xx, 529, refused connection
    │   ├── TimedOut           no first token, or none for too long
    │   ├── Cut                the stream ended without its end
    │   ├── Outrun             another model, asked as well, answered first
    │   ├── Malformed          an answer that is not what was asked for, or not the wire format
    │   ├── Refused            a content refusal: the caller's answer, not an outage
    │   ├── Rejected           the provider calls our request wrong (400, 404, 413, 422)
    │   │   └── TooLong        it has more tokens than this model, as it is served, takes
    │   └── Unauthorised       our credential for the provider is wrong (401, 402, 403)
    └── OurFault               a defect or a store that is down
        ├── Unavailable        Postgres or Redis can't be reached
        │   └── UnreadablePolicy   a tenant's policy that this release does not understand
        ├── Stopped            an operator has stopped what costs money
        ├── Diverged           a replay asked for something that the log does not hold
        └── BadGraph           a pipeline that must not be imported
"""

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from shared.core.limit import Remaining


class Fault(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "fault"
    retryable: ClassVar[bool] = False
    advice: ClassVar[str] = ""
    remaining: "tuple[Remaining, ...]" = ()
    """What the caller's rates let through, where the request had been charged to them: for the answer's headers."""

    def __init__(
        self,
        message: str = "",
        *,
        param: str | None = None,
        retry_after: float | None = None,
        provider_status: int | None = None,
        provider_code: str | None = None,
    ) -> None:
        """`param` names the offending field; `retry_after` is in seconds; the last two quote the provider."""
        super().__init__(message or (type(self).__doc__ or type(self).__name__).splitlines()[0])
        self.param = param
        self.retry_after = retry_after
        self.provider_status = provider_status
        self.provider_code = provider_code

    @property
    def message(self) -> str:
        """What happened, in a sentence for the person who asked."""
        return str(self.args[0])


class CallerFault(Fault):
    """The request can't be served as it stands."""

    code = "bad_request"


class BadRequest(CallerFault):
    """The request is malformed."""

    code = "bad_request"
    advice = "Correct the named field and send the request again."


class BadBrief(BadRequest):
    """The brief can't be written from."""

    code = "bad_brief"
    advice = "See GET /v1/pipelines for the fields that the pipeline takes."


class TooLarge(CallerFault):
    """The request is larger than the limit."""

    code = "too_large"
    advice = "Shorten it, or split it into several requests."


class NoKey(CallerFault):
    """No valid credential came with the request."""

    code = "invalid_api_key"
    advice = "Send `Authorization: Bearer cs_…`; `chatsmart keys create` makes a key."


class Forbidden(CallerFault):
    """This credential may not do that."""

    code = "forbidden"


class NotYours(CallerFault):
    """There is no such thing in this tenant."""

    code = "not_found"


class UnknownModel(CallerFault):
    """There is no such model in the catalogue."""

    code = "model_not_found"
    advice = "GET /v1/models lists the names."


class OverBudget(CallerFault):
    """The budget does not cover the worst case of this request."""

    code = "over_budget"
    advice = "Raise the budget to at least the quote (POST /v1/documents/quote), or ask for less."


class Conflict(CallerFault):
    """The thing is not in a state that allows this."""

    code = "conflict"


class Gone(CallerFault):
    """Its words were removed."""

    code = "gone"
    advice = "GET /v1/retention/tombstones says when, by whom and under which rule."


class TooFast(CallerFault):
    """Too many requests."""

    code = "rate_limited"
    retryable = True

    def __init__(
        self, message: str = "", *, retry_after: float | None = None, remaining: "tuple[Remaining, ...]" = ()
    ) -> None:
        """`remaining` is what each of the rates that were asked lets through: for the answer's headers."""
        super().__init__(message, retry_after=retry_after)
        self.remaining = remaining


class OutputBlocked(CallerFault):
    """The answer holds what this tenant's policy does not let out."""

    code = "output_blocked"
    advice = "GET /v1/policy shows the rules; rephrase the request, or have the policy changed."


class PluginFault(CallerFault):
    """A plugin failed."""

    code = "plugin_failed"


class BadPlugin(PluginFault):
    """The plugin's source is refused."""

    code = "bad_plugin"
    advice = "Correct the named line; GET /v1/plugins shows the language and what is there to call."

    def __init__(
        self,
        message: str = "",
        *,
        line: int | None = None,
        column: int | None = None,
        param: str | None = None,
    ) -> None:
        """Where in the source, both from 1, where a place is known."""
        super().__init__(message, param=param)
        self.line = line
        self.column = column


class PluginError(PluginFault):
    """The plugin raised an exception."""

    code = "plugin_error"
    advice = "The call's record holds the traceback; correct the source and add a version."


class PluginStopped(PluginFault):
    """The plugin was stopped at a limit."""

    code = "plugin_stopped"
    advice = "Make it do less, or grant it more in its manifest."

    def __init__(self, message: str = "", *, limit: str = "seconds") -> None:
        """`limit` is one of `shared.ports.sandbox.Limit`: which bound was reached."""
        super().__init__(message)
        self.limit = limit


class NotGranted(PluginFault):
    """The plugin is not granted what it asked for."""

    code = "not_granted"
    advice = "Name the host or the secret in the manifest's grants, in a new version."


class ProviderFault(Fault):
    """A provider failed."""

    code = "provider_error"


class Throttled(ProviderFault):
    """The provider is limiting our rate."""

    code = "provider_throttled"
    retryable = True


class Overloaded(ProviderFault):
    """The provider is down or overloaded."""

    code = "provider_overloaded"
    retryable = True


class TimedOut(ProviderFault):
    """The provider went silent."""

    code = "provider_timeout"
    retryable = True


class Cut(ProviderFault):
    """The provider's answer broke off."""

    code = "provider_cut"
    retryable = True


class Outrun(ProviderFault):
    """Another model that was asked as well answered first."""

    code = "outrun"


class Malformed(ProviderFault):
    """The provider's answer is not what was asked for."""

    code = "provider_malformed"
    retryable = True


class Refused(ProviderFault):
    """The model declined to answer."""

    code = "content_refused"
    advice = "Rephrase the request; another model is not tried round a refusal."


class Rejected(ProviderFault):
    """The provider rejected the request."""

    code = "provider_rejected"


class TooLong(Rejected):
    """The request is longer than this model takes."""

    advice = "Shorten it, ask for a shorter answer, or name a model with a larger window."


class Unauthorised(ProviderFault):
    """The provider rejected our credential."""

    code = "provider_unauthorised"
    advice = "An operator must check the provider's API key."


class OurFault(Fault):
    """Something broke on our side."""

    code = "internal_error"


class Unavailable(OurFault):
    """A store that this needs can't be reached."""

    code = "unavailable"
    retryable = True


class UnreadablePolicy(Unavailable):
    """This tenant's policy holds rules that this release does not know; nothing is done without them."""

    code = "policy_unreadable"
    advice = "An operator must finish the upgrade, or correct the stored policy."


class Stopped(OurFault):
    """An operator has stopped everything that costs money."""

    code = "stopped"
    retryable = True
    advice = "Try again later; stored answers and everything that is only read are served meanwhile."


class Diverged(OurFault):
    """The replay asked for something that the log does not hold."""

    code = "diverged"


class BadGraph(OurFault):
    """The pipeline can't be imported."""

    code = "bad_graph"
