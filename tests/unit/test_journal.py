"""A log that is away for a moment is waited for; one that stays away ends no run wrongly."""

from collections.abc import Sequence

import pytest

from shared.core.entry import Entry
from shared.core.faults import Unavailable
from shared.fakes.log import MemoryLog
from shared.runtime import journal
from shared.runtime.run import replay, run
from tests.unit.runtime_kit import BOOK, GIVEN, Home


class AwayLog(MemoryLog):
    """A log that refuses some appends, by number."""

    def __init__(self, refuses: frozenset[int]) -> None:
        super().__init__()
        self.refuses, self.seen = refuses, 0

    async def append(self, entries: Sequence[Entry]) -> None:
        """Refuse, or write."""
        self.seen += 1
        if self.seen in self.refuses:
            raise Unavailable("the log is away")
        await super().append(entries)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses."""
    monkeypatch.setattr(journal, "PAUSES", (0.0, 0.0))


@pytest.mark.parametrize("nth", range(1, 14))
async def test_a_refused_append_is_repeated(nth: int) -> None:
    """Whichever append is refused, the run finishes and its log is whole."""
    home = Home()
    log = AwayLog(frozenset({nth}))
    home.log = log
    view = await run(BOOK, GIVEN, home.context())
    assert view.status == "finished"
    tape = await home.tape()
    assert (await replay(BOOK, tape)).output == view.output


async def test_a_log_that_stays_away_leaves_the_run_to_be_resumed() -> None:
    """No end is written, none is told: the run is not a failure, it is unfinished."""
    home = Home()
    log = AwayLog(frozenset(range(4, 1000)))
    home.log = log
    with pytest.raises(Unavailable):
        await run(BOOK, GIVEN, home.context())
    tape = await home.tape()
    assert tape
    assert all(entry.kind != "end" for entry in tape)
    assert not any(event.final for event in home.events)
