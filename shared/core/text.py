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


def tokens_at_most(text: str) -> int:
    """An upper bound of the tokens in `text` under any tokeniser in use: no token is shorter than a byte, and
    English runs at about four; two bytes a token covers code and non-Latin scripts (measured on o200k and Llama 3
    vocabularies; see docs/decisions)."""
    return len(text.encode("utf-8", "surrogatepass")) // 2 + 8
