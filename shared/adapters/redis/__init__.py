"""Redis behind the ports; nothing newer than Redis 6.2."""

import sys

# The driver (redis 8.1) loads OpenTelemetry's SDK, where that is installed, for metrics of its own that nothing here
# asks for: 30 ms of a cold start. As it is written, it does without where the SDK can't be imported; for whoever comes
# after it, the SDK is there again.
_SDK = "opentelemetry.sdk.metrics"
if _SDK not in sys.modules:
    sys.modules[_SDK] = None  # type: ignore[assignment]
    try:
        import redis.asyncio  # noqa: F401
    finally:
        del sys.modules[_SDK]
