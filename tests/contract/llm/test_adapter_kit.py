"""The adapter kit's example works as it is printed."""

import asyncio
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from shared.adapters import llm
from tests.contract.llm.conformance import Conformance

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "adapter-kit.md"


@pytest.fixture
def example() -> Iterator[type[Conformance]]:
    """The guide's two files, executed under the names that it gives them."""
    blocks = re.findall(r"```python\n# (\S+)\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert [path for path, _ in blocks] == [
        "shared/adapters/llm/postcard.py",
        "tests/contract/llm/test_postcard.py",
    ]
    names = [path.removesuffix(".py").replace("/", ".") for path, _ in blocks]
    modules = []
    try:
        for name, (path, code) in zip(names, blocks, strict=True):
            module = ModuleType(name)
            sys.modules[name] = module
            if name.endswith("llm.postcard"):
                llm.postcard = module  # type: ignore[attr-defined]
            exec(compile(code, f"{GUIDE.name}: {path}", "exec"), module.__dict__)
            modules.append(module)
        suite: type[Conformance] = modules[1].TestPostcard
        yield suite
    finally:
        for name in names:
            sys.modules.pop(name, None)
        if hasattr(llm, "postcard"):
            del llm.postcard


def test_the_guides_provider_passes_the_suite_that_the_guide_runs(example: type[Conformance]) -> None:
    """An outsider who copies the example has a provider that keeps every rule."""
    suite = example()
    rules = [name for name, _ in inspect.getmembers(example, inspect.isfunction) if name.startswith("test_")]
    assert len(rules) >= 9
    for name in rules:
        found = getattr(suite, name)()
        if inspect.isawaitable(found):
            asyncio.run(_awaited(found))


async def _awaited(found: object) -> None:
    assert inspect.isawaitable(found)
    await found
