"""Values and laws. No I/O, no clock, no environment."""
