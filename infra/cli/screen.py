"""Where a verb's words go: the document on stdout, progress on stderr, a bar only where a person watches."""

import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text


def put(value: Mapping[str, Any]) -> None:
    """One JSON object, on a line of its own."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """A line of news, on stderr."""
    # News that nobody can read must not end the work that it is about.
    with suppress(OSError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def shut_stdout() -> None:
    """After stdout failed: what is still in its buffer goes nowhere, so that the end of the process is quiet."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class Screen:
    """Live text and one line of progress. Where stderr is no terminal, or `quiet`, progress is plain lines.

    A text that streams on the terminal that also shows the bar is printed line by line above it, the unfinished line
    inside the moving part; anywhere else it goes to stdout piece by piece, unchanged.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._live: Live | None = None
        self._shared = sys.stdout.isatty()
        self._status = Spinner("dots", Text(""))
        self._line = ""
        self._broken = False

    def __enter__(self) -> Self:
        if not self.quiet and sys.stderr.isatty():
            console = Console(stderr=not self._shared, highlight=False)
            self._live = Live(self._view(), console=console, refresh_per_second=12, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            line, self._line = self._line, ""
            self._live.update(self._view())
            self._live.stop()
            self._live = None
            if line:
                self.text(line)

    def working(self, text: str) -> None:
        """What is going on now: the moving line, or a plain one."""
        if self._live is not None:
            self._status.update(text=Text(text, style="dim"))
            self._live.update(self._view())

    def done(self, text: str) -> None:
        """A thing is done: a line that stays."""
        if self._live is not None:
            if self._line:
                # The text stops here for now; the line break that it may go on with has been made.
                self._live.console.print(Text(self._line), soft_wrap=True)
                self._line, self._broken = "", True
            self._live.console.print(Text.assemble(("✓ ", "green"), text))
        elif not self.quiet:
            say(text)

    def text(self, piece: str) -> None:
        """More of the document."""
        if self._live is None or not self._shared:
            sys.stdout.write(piece)
            sys.stdout.flush()
            return
        if self._broken:
            piece, self._broken = piece.removeprefix("\n"), False
        *lines, self._line = (self._line + piece).split("\n")
        for line in lines:
            self._live.console.print(Text(line), soft_wrap=True)
        self._live.update(self._view())

    def _view(self) -> Group:
        return Group(Text(self._line), self._status) if self._line else Group(self._status)
