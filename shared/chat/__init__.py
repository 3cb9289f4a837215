"""One chat completion, logged like any other call."""
