"""What a person sees on a terminal: text live, one moving line of progress, lines that stay."""

import os
import pty
import re
import threading
from contextlib import redirect_stderr, redirect_stdout

import pytest

from infra.cli.screen import Screen

PIECES = re.compile(r"\x1b\[([0-9;?]*)([a-zA-Z])|(\r)|(\n)|([^\x1b\r\n]+)")


def shown(raw: str) -> list[str]:
    """The lines that a terminal holds after these bytes: carriage return, line feed, cursor up, erase line."""
    lines, row, column = [""], 0, 0
    for number, verb, back, down, text in PIECES.findall(raw):
        if back:
            column = 0
        elif down:
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif verb == "A":
            row = max(0, row - int(number or 1))
        elif verb == "K":
            lines[row] = ""
        elif text:
            lines[row] = lines[row][:column].ljust(column) + text + lines[row][column + len(text) :]
            column += len(text)
    return [line.rstrip() for line in lines]


class Terminal:
    """A pseudo-terminal as stdout and stderr; `lines` are the whole lines that were printed on it."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        self.file = os.fdopen(self.slave, "w")
        self.seen = b""
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self.master, 65536)
            except OSError:
                return
            if not piece:
                return
            self.seen += piece

    def close(self) -> None:
        """End it; everything has been read then."""
        self.file.close()
        self.reader.join()
        os.close(self.master)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal; the test closes it."""
    monkeypatch.setenv("TERM", "xterm-256color")
    return Terminal()


def test_text_and_progress_share_a_terminal(terminal: Terminal) -> None:
    """Whole lines of the text and finished steps stay, in order; the moving line is taken away at the end."""
    with redirect_stdout(terminal.file), redirect_stderr(terminal.file), Screen() as screen:
        screen.working("draft · 3 words")
        screen.text("# Tea\n\nIt co")
        screen.text("ols.")
        screen.done("draft · $0.01")
        screen.text("\n\n## Sources\n")
        screen.text("1. A book")
    terminal.close()
    expected = ["# Tea", "", "It cools.", "✓ draft · $0.01", "", "## Sources", "1. A book"]
    assert shown(terminal.seen.decode())[: len(expected)] == expected
    assert not any(shown(terminal.seen.decode())[len(expected) :])
    assert "3 words" in terminal.seen.decode()


def test_elsewhere_the_text_is_untouched(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody watches, the pieces go to stdout as they are, finished steps to stderr as plain lines."""
    with Screen() as screen:
        screen.working("draft · 3 words")
        screen.text("a\nb")
        screen.done("draft")
        screen.text("c\n")
    out = capsys.readouterr()
    assert out.out == "a\nbc\n"
    assert out.err == "draft\n"


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing but the text."""
    with Screen(quiet=True) as screen:
        screen.working("x")
        screen.done("x")
    assert capsys.readouterr() == ("", "")
