"""The running app against its own description: schemathesis sends good and bad requests to every route."""

import asyncio
import sys
from pathlib import Path

from tests.flow.house import House

EXAMPLES = 4
"""For each operation, beside the systematic cases. A longer run is the same test with a larger number."""
SECONDS = 40


async def test_the_app_keeps_to_its_description(house: House, tmp_path: Path) -> None:
    """No server error, only described statuses, types and bodies, bad data and missing credentials refused.

    Left out: that every request which fits the schemas succeeds, because names of models, tools and documents must
    also exist; and revoking keys, because the run would revoke its own.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{house.url}/openapi.json"),
        *("--header", f"Authorization: Bearer {house.key}", "--header", "Prefer: respond-async"),
        *("--exclude-checks", "positive_data_acceptance", "--exclude-method", "DELETE"),
        *(
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            str(EXAMPLES),
            "--max-time",
            str(SECONDS),
        ),
        *("--seed", "20261121", "--generation-database", "none", "--no-color", "--warnings", "off"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
