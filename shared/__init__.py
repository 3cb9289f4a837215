"""The product, pure and cloud-free. Imports neither modal, vllm, functions, gpu nor infra."""
