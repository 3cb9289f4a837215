"""Replies of real providers, read as the providers' own client libraries read them."""

import gzip
import io
import json

import pytest

from infra.cli import decode
from tests.contract.llm import recordings

pytestmark = recordings.needed


@pytest.mark.parametrize("name", recordings.FILES)
def test_every_field_of_every_recording_equals_what_the_providers_client_makes_of_it(name: str) -> None:
    """Text, calls, finish, usage and error of each recorded reply are the client library's, field by field."""
    wanted = recordings.expected(name)
    differing = []
    compared = 0
    for row in recordings.exchanges(name):
        if row["id"] not in wanted:
            continue
        compared += 1
        got = decode.decode_line(row)
        for field, value in wanted[row["id"]].items():
            if got[field] != value:
                differing.append((row["id"], field, got[field], value))
    assert not differing, differing[:3]
    assert compared >= recordings.LEAST[name]


@pytest.mark.parametrize("name", recordings.FILES)
def test_recording_files_can_be_piped_through_decode_as_they_are(name: str) -> None:
    """A recording file, unzipped into the filter, gives a line for each line, in order, with every field echoed."""
    with gzip.open(recordings.HOME / f"{name}.jsonl.gz") as lines:
        given = lines.read()
    answered = io.BytesIO()
    assert decode.main(io.BytesIO(given), answered) == 0
    rows = [json.loads(line) for line in given.split(b"\n") if line]
    answers = [json.loads(line) for line in answered.getvalue().split(b"\n") if line]
    assert len(answers) == len(rows)
    for row, answer in zip(rows, answers, strict=True):
        assert {key: answer[key] for key in row} == row
        assert {"text", "tool_calls", "finish", "usage", "error"} <= answer.keys()
