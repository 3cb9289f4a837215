"""What ends a deploy before its end."""


class Stopped(Exception):
    """A step can't be taken. The message says what was found and what to do; it never holds a secret's value.

    `code` is the exit code: 1 where something failed, 2 for what was asked wrongly, 130 for Ctrl-C.
    """

    def __init__(self, message: str, *, code: int = 1) -> None:
        super().__init__(message)
        self.code = code
