"""Deployable 2: the vLLM server of the local Llama tier."""
