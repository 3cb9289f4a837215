"""The prompt cache: what a prompt is, and answers that are served again."""
