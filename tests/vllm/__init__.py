"""What the real vLLM does, asked through the product's own adapter: `make test-vllm`, on the CPU."""
