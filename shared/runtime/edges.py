"""The ends of a graph's edges, read from a function's annotations (design law 1).

An edge is a type. What can't be one is refused here, in a line that names the step, its file and what is wrong.
"""

import dis
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType, NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUndefinedAnnotation, PydanticUserError

from shared.core.faults import BadGraph
from shared.core.frozen import quick

T = TypeVar("T")
Shape = Literal["one", "many", "each", "maybe"]
EACH, ALL, MAYBE = "each", "many", "maybe"
Each = Annotated[T, EACH]
"""A parameter that takes one element: the step runs once per element of what a step gives as `tuple[T, ...]`."""
All = Annotated[tuple[T, ...], ALL]
"""A parameter that takes all elements, in input order; the same as `tuple[T, ...]`."""
Maybe = Annotated[T | None, MAYBE]
"""A parameter that takes None where the step that gives T skipped."""


@dataclass(frozen=True, slots=True)
class Skip:
    """What a step returns in place of its T when there is nothing to do: declared as `T | Skip`."""

    why: str = ""


@quick
@dataclass(frozen=True, slots=True)
class Slot:
    """One end of an edge: a type, and whether one of it, many, each of many, or maybe one."""

    type: type
    shape: Shape = "one"

    @property
    def many(self) -> bool:
        """Whether what travels is a tuple."""
        return self.shape in ("many", "each")

    def __str__(self) -> str:
        wrap = {"one": "{}", "many": "tuple[{}, ...]", "each": "Each[{}]", "maybe": "Maybe[{}]"}
        return wrap[self.shape].format(self.type.__name__)


def refuse(where: str, what: str) -> BadGraph:
    """The one line of a refusal."""
    return BadGraph(f"{where}: {what}")


def frozen(value_type: object) -> bool:
    """Whether values of this type can't change: a frozen pydantic model or a frozen dataclass."""
    if not isinstance(value_type, type):
        return False
    if issubclass(value_type, BaseModel):
        return bool(value_type.model_config.get("frozen"))
    parameters = getattr(value_type, "__dataclass_params__", None)
    return parameters is not None and bool(parameters.frozen)


def checked_type(value_type: object, where: str, role: str) -> type:
    """`value_type`, where it can be an edge. Raises BadGraph."""
    name = getattr(value_type, "__name__", str(value_type))
    if not isinstance(value_type, type) or not frozen(value_type):
        raise refuse(
            where,
            f"{role} has type {name}, which is no frozen pydantic model or frozen dataclass; "
            "wrap it in one that says what it means (two strings are Notes and Draft)",
        )
    try:
        TypeAdapter(value_type).json_schema()
    except (PydanticUserError, PydanticSchemaGenerationError, PydanticUndefinedAnnotation) as error:
        reason = str(error).splitlines()[0]
        raise refuse(where, f"{role} has type {name}, which has no JSON Schema: {reason}") from None
    return value_type


def signature(
    function: Callable[..., Any], where: str
) -> tuple[bool, tuple[tuple[str, Slot], ...], Slot, bool]:
    """Whether it acts, what it takes, what it gives, whether it may skip."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise refuse(where, f"an annotation can't be read: {error}") from None
    names = list(inspect.signature(function).parameters)
    acts = bool(names) and names[0] == "fx"
    for name in (*names, "return"):
        if name not in hints and not (name == "fx" and acts):
            what = "its return type" if name == "return" else f"parameter '{name}'"
            raise refuse(where, f"{what} has no annotation; edges are types")
    if acts != inspect.iscoroutinefunction(function):
        raise refuse(
            where,
            "takes fx and so must be `async def`"
            if acts
            else "is async but takes no fx; pure steps are plain `def`",
        )
    takes = tuple((name, _taken(hints[name], where, name)) for name in names[acts:])
    gives, skips = _given(hints["return"], where)
    return acts, takes, gives, skips


def _taken(hint: object, where: str, name: str) -> Slot:
    role = f"parameter '{name}'"
    mark = None
    if get_origin(hint) is Annotated:
        hint, mark = get_args(hint)[:2]
    if mark == MAYBE:
        (hint,) = (arm for arm in get_args(hint) if arm is not NoneType)
        return Slot(checked_type(hint, where, role), "maybe")
    if mark == EACH:
        return Slot(checked_type(hint, where, role), "each")
    return _plain(hint, where, role)


def _plain(hint: object, where: str, role: str) -> Slot:
    arguments = get_args(hint)
    if get_origin(hint) is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return Slot(checked_type(arguments[0], where, role), "many")
    return Slot(checked_type(hint, where, role))


def _given(hint: object, where: str) -> tuple[Slot, bool]:
    role = "its return"
    if get_origin(hint) in (Union, UnionType):
        arms = [arm for arm in get_args(hint) if arm is not Skip]
        if len(arms) == 1 and len(get_args(hint)) == 2:
            return _plain(arms[0], where, role), True
    return _plain(hint, where, role), False


def doors(function: Callable[..., Any]) -> set[str]:
    """Which of fx's model calls the function's code names: `fx.ask`, `fx.write`, `fx.chunks`, `fx.batches`."""
    found: set[str] = set()
    for code in _codes(function.__code__):
        before = None
        for here in dis.get_instructions(code):
            if before == "fx" and here.opname in ("LOAD_METHOD", "LOAD_ATTR"):
                found.add(str(here.argval))
            before = here.argval if here.opname.startswith(("LOAD_FAST", "LOAD_DEREF")) else None
    return found & {"ask", "write", "chunks", "batches"}


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in code.co_consts:
        if inspect.iscode(inner):
            yield from _codes(inner)
