"""One small file per schedule or worker; each is `async def run(services)`."""
