"""What a caller says of the cache, in headers: OpenAI's clients can send those with any request."""

import re

from starlette.types import Scope

from functions.web.errors import Invalid
from shared.chat.order import CacheWish

HEADER = b"x-chatsmart-cache"
TAGS = b"x-chatsmart-tags"
_WISHES: dict[bytes, CacheWish] = {b"use": "use", b"refresh": "refresh", b"off": "off"}
_STANDARD: dict[bytes, CacheWish] = {b"no-cache": "refresh", b"no-store": "off"}
_TAG = re.compile(r"[A-Za-z0-9._:/-]{1,64}")
_MOST_TAGS = 10


def cache_wish(scope: Scope) -> tuple[CacheWish, tuple[str, ...]]:
    """The wish, and the names by which the stored answer can be purged. `x-chatsmart-cache: use | refresh | off`;
    `cache-control: no-cache | no-store` mean the latter two. Raises Invalid."""
    wish: CacheWish = ""
    tags: tuple[str, ...] = ()
    for name, value in scope["headers"]:
        if name == HEADER:
            found = _WISHES.get(value.strip().lower())
            if found is None:
                raise Invalid(
                    f"'{HEADER.decode()}' must be one of: use, refresh, off.", param=HEADER.decode()
                )
            wish = found
        elif name == b"cache-control" and not wish:
            for part in value.lower().split(b","):
                wish = _STANDARD.get(part.strip(), wish)
        elif name == TAGS:
            tags = _tags(value)
    return wish, tags


def _tags(value: bytes) -> tuple[str, ...]:
    tags = tuple(part.strip() for part in value.decode("latin-1").split(",") if part.strip())
    if len(tags) > _MOST_TAGS or not all(_TAG.fullmatch(tag) for tag in tags):
        raise Invalid(
            f"'{TAGS.decode()}' must be up to {_MOST_TAGS} names behind commas, each of 1 to 64 letters, digits or "
            "'._:/-'.",
            param=TAGS.decode(),
        )
    return tags
