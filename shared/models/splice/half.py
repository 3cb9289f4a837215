"""How far a text is JSON: half a JSON text can be gone on with, and it can be told with what."""

import re
from dataclasses import dataclass

_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?\Z")
_HALF_NUMBER = re.compile(r"-?(?:(?:0|[1-9]\d*)(?:\.(?:\d+(?:[eE](?:[+-]?\d*)?)?)?|[eE](?:[+-]?\d*)?)?)?\Z")
_TOKEN = re.compile(r"[-+.0-9a-zA-Z]+")
_WORDS = ("true", "false", "null")
_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
_HALF_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_ANY = re.compile(r"[0-9a-fA-F]*")


@dataclass(slots=True)
class Half:
    """Where in a JSON text one is. `stack` has the brackets that are open; `want` what may come:

    value, first (a value or the end of an array), key, firstkey, colon, comma, done; string (`keyed`: of a key),
    token (a number or a word that may go on).
    """

    stack: str = ""
    want: str = "value"
    keyed: bool = False
    escape: str = ""
    token: str = ""

    def copy(self) -> "Half":
        """The same place."""
        return Half(self.stack, self.want, self.keyed, self.escape, self.token)

    @property
    def done(self) -> bool:
        """Whether the text is whole."""
        return self.want == "done" or (self.want == "token" and not self.stack and self._ended())

    def feed(self, text: str) -> int:
        """Goes on with `text`: how many code points of it fit."""
        at, size = 0, len(text)
        while at < size:
            before = at
            if self.want == "string":
                at = self._string(text, at)
            elif self.want == "token":
                at = self._token(text, at)
            else:
                at = self._structure(text, _SPACE.match(text, at).end())  # type: ignore[union-attr]
            if at < 0:
                return before
        return size

    def _string(self, text: str, at: int) -> int:
        if self.escape:
            need = self.escape + text[at : at + 6 - len(self.escape)]
            if found := _ESCAPE.match(need):
                used = found.end() - len(self.escape)
                self.escape = ""
                return at + used
            if _HALF_ESCAPE.match(need):
                self.escape = need
                return len(text)
            return -1
        at = _PLAIN.match(text, at).end()  # type: ignore[union-attr]
        if at == len(text):
            return at
        if text[at] == '"':
            self._value() if not self.keyed else self._to("colon")
            return at + 1
        if text[at] == "\\":
            self.escape = "\\"
            return at + 1
        return -1

    def _token(self, text: str, at: int) -> int:
        found = _TOKEN.match(text, at)
        if found is not None:
            token = self.token + found.group()
            if not (_HALF_NUMBER.match(token) or any(word.startswith(token) for word in _WORDS)):
                return -1
            self.token = token
            return found.end()
        if not self._ended():
            return -1
        self._value()
        return at

    def _ended(self) -> bool:
        return self.token in _WORDS or _NUMBER.match(self.token) is not None

    def _structure(self, text: str, at: int) -> int:
        if at == len(text):
            return at
        char = text[at]
        if self.want in ("value", "first"):
            return self._begin(char, at)
        if self.want in ("key", "firstkey"):
            return self._key(char, at)
        if self.want == "colon" and char == ":":
            self._to("value")
        elif self.want == "comma" and char == ",":
            self._to("key" if self.stack[-1] == "{" else "value")
        elif self.want == "comma" and char == ("}" if self.stack[-1] == "{" else "]"):
            self._close()
        else:
            return -1
        return at + 1

    def _begin(self, char: str, at: int) -> int:
        if char in "{[":
            self.stack += char
            self._to("firstkey" if char == "{" else "first")
        elif char == '"':
            self._to("string")
            self.keyed = False
        elif char == "]" and self.want == "first":
            self._close()
        elif char in "-0123456789tfn":
            self._to("token")
            self.token = ""
            return at
        else:
            return -1
        return at + 1

    def _key(self, char: str, at: int) -> int:
        if char == '"':
            self._to("string")
            self.keyed = True
        elif char == "}" and self.want == "firstkey":
            self._close()
        else:
            return -1
        return at + 1

    def _to(self, want: str) -> None:
        self.want = want

    def _value(self) -> None:
        """A value is whole."""
        self._to("comma" if self.stack else "done")
        self.token = ""

    def _close(self) -> None:
        self.stack = self.stack[:-1]
        self._value()


def half(text: str) -> Half | None:
    """Where in a JSON text its beginning `text` ends; None where it is none."""
    found = Half()
    return found if found.feed(text) == len(text) else None


def looks(text: str) -> bool:
    """Whether a text is surely the beginning of a JSON object or array, and no Markdown link or footnote."""
    return re.match(r"\s*(?:\{\s*(?:\"|\}|\Z)|\[\s*[\[{\"]\s*[\"{\[\w])", text) is not None
