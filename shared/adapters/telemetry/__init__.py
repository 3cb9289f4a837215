"""Spans, metrics and log lines, all read off the call log as it is written: one log, no second bookkeeping."""
