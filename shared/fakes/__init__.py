"""An in-memory twin of each port, shipped, and run through the same contract suites."""
