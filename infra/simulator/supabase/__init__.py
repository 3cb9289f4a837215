"""A Supabase project on loopback: Auth and Storage in their own wire formats, and wrong on command.

As the client that asks them reads it (supabase 2.34), and not compared with a live project: Auth answers with
`{"code": "email_exists", "message": …}` to a client that names its API version; Storage answers most refusals with
status 400 and the real one inside, as text: `{"statusCode": "404", "error": "not_found", "message": …}`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from infra.simulator.supabase.auth import Auth
from infra.simulator.supabase.project import Hook, Mail, Project, Trouble
from infra.simulator.supabase.storage import Storage

__all__ = ["Mail", "Project", "Trouble", "start"]

_LARGEST_BODY = 80 * 2**20
_GRACE_SECONDS = 0.2


@asynccontextmanager
async def start(
    port: int = 0, *, host: str = "127.0.0.1", hook: Hook | None = None
) -> AsyncIterator[Project]:
    """Serves in the running loop until the block ends; `hook` is what Auth asks before it signs a token."""
    project = Project(hook)
    app = web.Application(client_max_size=_LARGEST_BODY, middlewares=[project.gate])
    Auth(project).routes(app)
    Storage(project).routes(app)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=_GRACE_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        project.url = f"http://{host}:{runner.addresses[0][1]}"
        yield project
    finally:
        await runner.cleanup()
