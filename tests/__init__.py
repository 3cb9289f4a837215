"""The specification of ChatSmart, as tests."""
