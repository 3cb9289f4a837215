"""Log lines for machines: one JSON object a line on standard error, with the trace of what it is about."""

import logging
import sys

import structlog


def configure(level: str) -> None:
    """Send structlog's lines to standard error from `level` on (`info`, `warning` …); once, at the start."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
