"""Failures, before a wire has given them its shape."""


class WireError(Exception):
    """A request that is refused or fails: HTTP status, and the parts from which each wire builds its own
    body.

    `kind` and `code` override the wire's usual words for the status; `retry_after` is in seconds.
    """

    def __init__(
        self,
        status: int,
        message: str = "",
        *,
        kind: str | None = None,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message or f"status {status}")
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param
        self.retry_after = retry_after


class BadField(Exception):
    """A field of the body is wrong. `problem` is missing, type, empty or value; each wire words it its own
    way."""

    def __init__(self, path: str, problem: str, *, expected: str = "", got: object = None) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem
        self.expected = expected
        self.got = got


class BadJson(Exception):
    """The body is no JSON object."""
