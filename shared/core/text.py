"""Text that can be stored and sent: what is refused at the door."""

from shared.core.faults import BadRequest


def sound(text: str, param: str) -> str:
    """`text`, or BadRequest where Postgres or a wire would choke on it: NUL, or half of a surrogate pair."""
    if "\x00" in text:
        raise BadRequest(f"'{param}' holds a NUL character.", param=param)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRequest(
            f"'{param}' holds a lone surrogate at position {error.start}.", param=param
        ) from None
    return text
