"""Log lines for machines: one JSON object a line on standard error, with the trace of what it is about."""

import logging
import sys
from functools import partial

from shared.core.lines import LINES


def configure(level: str) -> None:
    """Send the lines to standard error from `level` on (`info`, `warning` …); once, at the start. It takes effect at
    once where structlog is loaded, else with the first line."""
    if "structlog" in sys.modules:
        _configure(level)
    else:
        LINES.first(partial(_configure, level))


def _configure(level: str) -> None:
    import structlog

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
