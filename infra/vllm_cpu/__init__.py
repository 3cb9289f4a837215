"""The real vLLM on this machine's CPU, for `make test-vllm` only: its install, its lock and a model to serve."""
