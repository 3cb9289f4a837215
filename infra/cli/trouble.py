"""What the command line says when the thing asked can't be done: one or two lines, and an exit code."""


class Trouble(Exception):
    """Printed on stderr as it stands. `code` is 1 where the thing asked failed, 2 for wrong usage."""

    def __init__(self, message: str, *, code: int = 1) -> None:
        super().__init__(message)
        self.code = code
