"""Whether a crontab's five fields can be right. Modal refuses what is not, when the function is created."""

import re

_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_NAMES: tuple[dict[str, int], ...] = (
    {},
    {},
    {},
    {
        name: number
        for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)
    },
    {name: number for number, name in enumerate("sun mon tue wed thu fri sat".split())},
)
_PART = re.compile(r"(?P<from>\*|[a-z0-9]+)(?:-(?P<to>[a-z0-9]+))?(?:/(?P<step>[0-9]+))?")


def wrong(cron: str) -> str:
    """What is wrong with it, in words; empty where nothing is."""
    fields = cron.lower().split()
    if len(fields) != len(_RANGES):
        return f"'{cron}' has {len(fields)} fields, not 5"
    for field, bounds, names in zip(fields, _RANGES, _NAMES, strict=True):
        for part in field.split(","):
            if not _right(part, bounds, names):
                return f"'{part}' can't be right in '{cron}'"
    return ""


def _right(part: str, bounds: tuple[int, int], names: dict[str, int]) -> bool:
    match = _PART.fullmatch(part)
    if match is None or match["step"] == "0":
        return False
    if match["from"] == "*":
        return match["to"] is None
    ends = [_number(match[one], names) for one in ("from", "to") if match[one]]
    if any(end is None or not bounds[0] <= end <= bounds[1] for end in ends):
        return False
    return len(ends) < 2 or (ends[0] or 0) <= (ends[1] or 0)


def _number(text: str, names: dict[str, int]) -> int | None:
    return int(text) if text.isdigit() else names.get(text)
