"""How the plane misbehaves. Everything is off at first; a test, or a shell's options, switch it on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong, until it is set to something else. `slow` is seconds before every answer."""

    unavailable: int = 0
    """So many calls are answered UNAVAILABLE, then none; negative: all of them."""
    slow: float = 0.0
    bad_token: bool = False
    """Every call of a client is answered UNAUTHENTICATED, whatever token it has."""
    image_build: str = ""
    """An image that has a step with this text in it fails to build; `*` for every image."""
    function: str = ""
    """The function of this name is refused; `*` for every one."""
    publish: bool = False
    """All is built, and then the App can't be published."""


NONE = Faults()
"""A plane that works."""

GPUS = frozenset(
    [
        "T4",
        "L4",
        "L40S",
        "A10",
        "A10G",
        "A100",
        "A100-40GB",
        "A100-80GB",
        "H100",
        "H100!",
        "H200",
        "B200",
        "B200+",
        "RTX-PRO-6000",
        "ANY",
    ]
)
"""The kinds of GPU that Modal lends; another is refused when the function is created."""
