"""A small App with mistakes that only Modal would notice: which ones stands in `SAMPLE_MISTAKES`, behind commas."""

import os

import modal

_MISTAKES = frozenset(os.environ.get("SAMPLE_MISTAKES", "").split(","))
app = modal.App("sample", include_source=False)
image = modal.Image.debian_slim(python_version="3.11")


@app.function(
    image=image,
    gpu="H900" if "gpu" in _MISTAKES else None,
    schedule=modal.Cron("61 * * * *" if "cron" in _MISTAKES else "1 * * * *"),
    secrets=[modal.Secret.from_name("nobodys", required_keys=["A"])] if "secret" in _MISTAKES else [],
)
def tick() -> None:
    """Nothing."""
