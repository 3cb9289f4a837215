#!/bin/sh
# Writes requirements.lock from requirements.in: `make lock-vllm`. TORCH names a folder or page that lists PyTorch's
# CPU builds where the settings of uv don't.
set -eu
cd "$(dirname "$0")"
# Without pyproject.toml's settings: what ChatSmart leaves out of its own packages, vLLM needs.
exec ../../.venv/bin/python -m uv pip compile requirements.in --no-config --python-version 3.11 \
    --python-platform x86_64-manylinux_2_28 --excludes left_out.txt --generate-hashes --no-emit-index-url \
    --no-emit-find-links --no-annotate --no-header --quiet --output-file requirements.lock \
    ${TORCH:+--find-links "$TORCH"} "$@"
