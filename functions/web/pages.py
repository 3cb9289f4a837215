"""The root page and the pages that `type` of a problem document points to. The web workspace takes the root over."""

from html import escape

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from functions.web.errors import STATUS, known, title

router = APIRouter(include_in_schema=False)
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "no-referrer",
}
_FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{title}</title><style>
:root{{color-scheme:light dark}}body{{font:1rem/1.6 system-ui,sans-serif; max-width:44rem;
margin:4rem auto;padding:0 1rem}}
pre{{padding:1rem;overflow-x:auto;border:1px solid #8886;border-radius:.5rem}}code{{font-size:.9em}}
</style></head><body><main>{body}</main></body></html>
"""
_ROOT = """<h1>ChatSmart</h1>
<p>Documents written by several models in typed steps, and chat in OpenAI's own format; every model call is logged and
can be replayed. The web workspace is not built yet: this page points to the interface for programs.</p>
<pre><code>curl -N {origin}/v1/documents \\
  -H "Authorization: Bearer $CHATSMART_KEY" \\
  -d '{{"pipeline": "article", "brief": "Why tea cools", "stream": true}}'</code></pre>
<p>An OpenAI client works with the base address <code>{origin}/v1</code>. <code>chatsmart keys create</code>
makes a key.</p><ul>
<li><a href="/openapi.json">/openapi.json</a>: every route, described</li>
<li><a href="/healthz">/healthz</a>, <a href="/readyz">/readyz</a>, <a href="/metrics">/metrics</a>: how
it is doing</li>
</ul>"""


@router.get("/")
async def root(request: Request) -> Response:
    """What this is, and a line to try. No key is in it."""
    origin = escape(f"{request.url.scheme}://{request.url.netloc}")
    return _page("ChatSmart", _ROOT.format(origin=origin))


@router.get("/errors/{code}")
async def error(code: str) -> Response:
    """What an error code means and what to do about it."""
    kind = known().get(code)
    if kind is None:
        raise HTTPException(404)
    lines = [
        f"<h1><code>{escape(code)}</code></h1>",
        f"<p>{escape(title(kind))} Status {STATUS.get(code, 500)}.</p>",
    ]
    if kind.advice:
        lines.append(f"<p>{escape(kind.advice)}</p>")
    lines.append(f"<p>{'Worth sending again.' if kind.retryable else 'Sending it again will not help.'}</p>")
    return _page(code, "\n".join(lines))


def _page(title: str, body: str) -> Response:
    return HTMLResponse(_FRAME.format(title=escape(title), body=body), headers=_HEADERS)
