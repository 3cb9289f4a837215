"""An answer on its way out to its caller."""

from shared.chat.outward import Outward
from shared.core.chunk import Citation, Text, Used
from shared.core.usage import NO_USAGE

MARK = "\N{MATHEMATICAL LEFT WHITE SQUARE BRACKET}EMAIL_1\N{MATHEMATICAL RIGHT WHITE SQUARE BRACKET}"


def test_usage_between_two_halves_of_a_placeholder_does_not_part_them() -> None:
    """Some providers report it with every read; what they cite is restored too."""
    way, used = Outward({MARK: "ada@example.com"}, json=False), Used(NO_USAGE)
    one = way.pieces([Text(f"To {MARK[:4]}"), Citation("https://example.com", f"On {MARK}"), used])
    two = way.pieces([Text(f"{MARK[4:]}."), used])
    assert [*one, *two, *way.end()] == [
        Text("To "),
        Citation("https://example.com", "On ada@example.com"),
        used,
        Text("ada@example.com."),
        used,
    ]
