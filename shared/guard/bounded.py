"""Bounds on containers that can hold, and those that can't."""

from shared.core.faults import BadRequest
from shared.ports.capacity import Bounds, Room

_MOST = 1000


def agreed(room: Room, bounds: Bounds) -> Room:
    """The part with these bounds. Raises BadRequest."""
    for name in ("minimum", "maximum", "buffer"):
        value = getattr(bounds, name)
        if value is not None and not 0 <= value <= _MOST:
            raise BadRequest(f"'{name}' must be a number of containers from 0 to {_MOST}.", param=name)
    if bounds.maximum == 0:
        # Modal reads 0 as no bound at all.
        raise BadRequest(
            "'maximum' must be at least 1; to have nothing run, stop it: PUT /v1/operator/stop.",
            param="maximum",
        )
    minimum = room.minimum if bounds.minimum is None else bounds.minimum
    maximum = room.maximum if bounds.maximum is None else bounds.maximum
    if maximum is not None and minimum > maximum:
        raise BadRequest(f"'minimum' ({minimum}) is over 'maximum' ({maximum}).", param="minimum")
    buffer = room.buffer if bounds.buffer is None else bounds.buffer
    return Room(room.name, room.containers, minimum, maximum, buffer, room.fixed)
