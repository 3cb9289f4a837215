"""What stands between a request and a provider: spend, redaction, refusal."""
