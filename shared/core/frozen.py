"""Frozen dataclasses that are made at the price of open ones.

A frozen dataclass sets each field through `object.__setattr__`, four times as dear as a plain assignment: a tenth of
the processor time of a whole request. Here the new object is, until its fields are set, of a twin class with the same
slots that is not frozen yet.
"""

from dataclasses import MISSING, fields
from typing import Any, TypeVar

T = TypeVar("T")
_UNSET = object()


def quick(cls: type[T]) -> type[T]:
    """`@quick` over `@dataclass(frozen=True, slots=True)`: the same class, made faster. Raises TypeError for one that
    it would change: with bases, with fields that are no parameters or keyword-only ones."""
    found = fields(cls)  # type: ignore[arg-type]  # it is a dataclass; else this raises
    names = tuple(field.name for field in found)
    if cls.__bases__ != (object,) or cls.__dict__.get("__slots__") != names:
        raise TypeError(f"{cls.__name__} has bases, or no slots")
    if any(field.kw_only or not field.init for field in found):
        raise TypeError(f"{cls.__name__} has fields that are no ordinary parameters")
    opened = type(f"_Open{cls.__name__}", (), {"__slots__": names})
    known: dict[str, Any] = {"_set": object.__setattr__, "_opened": opened, "_cls": cls, "_unset": _UNSET}
    heads, lines = [], ["_set(self, '__class__', _opened)"]
    for field in found:
        name = field.name
        if field.default_factory is not MISSING:
            known[f"_make_{name}"] = field.default_factory
            heads.append(f"{name}=_unset")
            lines.append(f"self.{name} = _make_{name}() if {name} is _unset else {name}")
            continue
        if field.default is not MISSING:
            known[f"_default_{name}"] = field.default
            heads.append(f"{name}=_default_{name}")
        else:
            heads.append(name)
        lines.append(f"self.{name} = {name}")
    lines.append("self.__class__ = _cls")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    source = f"def __init__(self, {', '.join(heads)}):\n " + "\n ".join(lines)
    exec(source, known)  # noqa: S102  # as dataclasses makes its own: names of fields and nothing else
    made = known["__init__"]
    made.__annotations__ = cls.__init__.__annotations__
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    cls.__init__ = made  # type: ignore[method-assign]
    return cls
