"""One piece at a time, without stores."""
