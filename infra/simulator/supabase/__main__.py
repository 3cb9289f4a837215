"""`python -m infra.simulator.supabase`: serves until it is interrupted; prints the settings to export."""

import asyncio
import sys

from infra.simulator.supabase import start


async def _serve() -> None:
    async with start() as project:
        sys.stdout.write(
            f"export SUPABASE_URL={project.url} SUPABASE_SERVICE_KEY={project.service_key} "
            f"SUPABASE_JWKS_URL={project.url}/auth/v1/.well-known/jwks.json\n"
        )
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(_serve())
    except KeyboardInterrupt:
        sys.exit(0)
