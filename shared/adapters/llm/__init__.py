"""One file a wire format, one SSE reader, one HTTP client."""
