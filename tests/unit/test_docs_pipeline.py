"""docs/add-a-pipeline.md: its code is short, and it works as it stands."""

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from shared.documents.finish import documented
from shared.fakes.models import says
from shared.runtime.run import run
from tests.structure.tree import ROOT
from tests.unit.runtime_kit import Home

PAGE = (ROOT / "docs" / "add-a-pipeline.md").read_text("utf-8")
CODE, REGISTRATION = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
NAME = "newsletter_of_the_docs"


@pytest.fixture
def newsletter(tmp_path: Path) -> Iterator[ModuleType]:
    """The page's code as the module that it says it is."""
    path = tmp_path / "newsletter.py"
    path.write_text(CODE, "utf-8")
    spec = importlib.util.spec_from_file_location(NAME, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules[NAME]


def test_it_takes_less_than_forty_lines() -> None:
    """A pipeline and its registration are under 40 lines of code, blank ones left out."""
    assert len([line for line in (CODE + REGISTRATION).splitlines() if line.strip()]) < 40


async def test_it_writes_a_newsletter(newsletter: ModuleType) -> None:
    """The graph passes every refusal at import, runs, and gives a document with its text and both steps."""
    home = Home(
        rules=(
            says("Pick the three points", '{"lines": ["Rain", "Sun"]}'),
            says("Write a newsletter on:\nRain\nSun", "# Weather\n\nBoth."),
        )
    )
    view = await run(newsletter.GRAPH, newsletter.News(brief="the weather"), home.context())
    document = documented(view, newsletter.PIPELINE, None)
    assert document.status == "finished"
    assert document.text == "# Weather\n\nBoth."
    assert [step.name for step in document.steps] == ["pick", "write"]
    assert b"event: finished" in home.wire


def test_the_registration_names_real_things(newsletter: ModuleType) -> None:
    """The second block is Python that adds the pipeline beside the others."""
    from shared.pipelines import article, product_description

    found: dict[str, object] = {
        "article": article,
        "product_description": product_description,
        "newsletter": newsletter,
    }
    exec(REGISTRATION, found)
    registry = found["PIPELINES"]
    assert isinstance(registry, dict)
    assert registry["newsletter"] is newsletter.PIPELINE
