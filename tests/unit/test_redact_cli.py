"""`chatsmart redact` on JSON lines."""

import io
import json
from typing import Any

from infra.cli.redact import main


def filtered(rows: list[dict[str, Any]], streamed: bool = False) -> tuple[int, list[dict[str, Any]]]:
    """The exit code and what comes out."""
    out = io.BytesIO()
    code = main(streamed, io.BytesIO("\n".join(map(json.dumps, rows)).encode()), out)
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


def test_every_field_is_echoed_and_each_line_begins_anew() -> None:
    """Spans count code points; placeholders are numbered line by line."""
    code, rows = filtered([{"id": 7, "text": "😀 a@b.co"}, {"text": "c@d.org"}])
    assert code == 0
    assert rows[0] == {
        "id": 7,
        "text": "😀 a@b.co",
        "redacted": "😀 ⟦EMAIL_1⟧",
        "spans": [{"start": 2, "end": 8, "type": "EMAIL"}],
    }
    assert rows[1]["redacted"] == "⟦EMAIL_1⟧"


def test_a_stream_tells_what_left_after_each_chunk() -> None:
    """One item for each chunk and one for the end; joined they are the redacted whole."""
    chunks = ["mail x", "@b.co", " now, 4111 1111", "\n1111 1111"]
    _, (row,) = filtered([{"chunks": chunks}], streamed=True)
    _, (whole,) = filtered([{"text": "".join(chunks)}])
    assert len(row["emitted"]) == len(chunks) + 1
    assert "".join(row["emitted"]) == whole["redacted"] == "mail ⟦EMAIL_1⟧ now, ⟦CARD_1⟧"
    assert row["emitted"][0] == "mail "


def test_a_line_that_cannot_be_read_is_told() -> None:
    """A missing or wrong field is an error of its line and of the exit code."""
    assert filtered([{"chunks": "abc"}], streamed=True)[0] == 1
    assert filtered([{"texts": "abc"}])[1][0]["redacted"] is None
