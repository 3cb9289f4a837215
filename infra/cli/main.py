"""`chatsmart VERB`. Each verb's module is imported when the verb is called, so that help and completion are instant."""

import errno
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from infra.cli.cache_verbs import app as cache_app
from infra.cli.cutover_verbs import app as cutover_app
from infra.cli.deploy_verbs import app as deploy_app
from infra.cli.options import AsJson, Dollars, Key, Pace, Url
from infra.cli.plugins_verbs import app as plugins_app
from infra.cli.policy_verbs import app as policy_app
from infra.cli.refusals import sentence
from infra.cli.retention_verbs import app as retention_app
from infra.cli.trouble import Trouble

_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE}


class _Verbs(TyperGroup):
    """Turns what a verb raises into a line for a person and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the verb."""
        from shared.core.faults import Fault

        try:
            return super().invoke(ctx)
        except Trouble as trouble:
            _complain(str(trouble))
            raise typer.Exit(trouble.code) from None
        except Fault as fault:
            _complain(sentence(fault.message, fault.advice, fault.code))
            raise typer.Exit(2 if fault.code == "bad_settings" else 1) from None


def _complain(text: str) -> None:
    if text:
        try:
            sys.stdout.flush()
        except OSError:
            from infra.cli.screen import shut_stdout

            shut_stdout()
        with suppress(OSError):
            sys.stderr.write(text + "\n")
            sys.stderr.flush()


app = typer.Typer(
    name="chatsmart",
    cls=_Verbs,
    help="ChatSmart: run it, write with it, look into what it did.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
keys_app = typer.Typer(help="API keys.", no_args_is_help=True, cls=_Verbs, rich_markup_mode=None)
audit_app = typer.Typer(help="The call log.", no_args_is_help=True, cls=_Verbs, rich_markup_mode=None)
app.add_typer(keys_app, name="keys")
app.add_typer(audit_app, name="audit")
app.add_typer(cache_app, name="cache")
app.add_typer(cutover_app, name="cutover")
app.add_typer(policy_app, name="policy")
app.add_typer(deploy_app, name="deploy")
app.add_typer(plugins_app, name="plugins")
app.add_typer(retention_app, name="retention")

RunId = Annotated[str, typer.Argument(metavar="ID", help="doc_… or chat_…; last is the newest document.")]


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"chatsmart {version('chatsmart')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """ChatSmart: run it, write with it, look into what it did."""


@app.command()
def up(as_json: AsJson = False) -> None:
    """Start everything on this machine and serve; Ctrl-C stops it all."""
    from infra.cli.up import up as run

    run(as_json=as_json)


@app.command()
def generate(
    pipeline: Annotated[str, typer.Argument(help="article, product_description, …")],
    brief: Annotated[str | None, typer.Option("--brief", "-b", help="What it is to be about.")] = None,
    field: Annotated[
        list[str] | None, typer.Option("--field", "-f", metavar="NAME=VALUE", help="A field of the pipeline.")
    ] = None,
    budget_micros: Annotated[
        int | None, typer.Option(min=0, help="The most it may cost, in millionths of a dollar.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the text to this file.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Write a document and watch it being written."""
    from infra.cli.generate import generate as run

    run(pipeline, brief, field or [], budget_micros, out=out, as_json=as_json, url=url, key=key)


@app.command()
def chat(
    question: Annotated[str, typer.Argument(help="The question; - reads it from stdin.")],
    model: Annotated[str, typer.Option(help="A catalogue name, auto, auto:cheap or auto:best.")] = "auto",
    system: Annotated[str | None, typer.Option(help="The system message.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Ask one question and stream the answer."""
    from infra.cli.chat import chat as run

    run(question, model, system, as_json=as_json, url=url, key=key)


@app.command()
def replay(
    run_id: RunId,
    verify: Annotated[
        bool, typer.Option("--verify", help="Print digests; exit 1 where they differ.")
    ] = False,
    draw: Annotated[bool, typer.Option("--draw", help="Print the run as a Mermaid graph.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Rebuild a past document or chat from the log, with every socket shut."""
    from infra.cli.replay import replay as run

    run(run_id, verify=verify, draw=draw, as_json=as_json, url=url, key=key)


@app.command()
def rerun(
    run_id: RunId,
    change: Annotated[
        list[str] | None, typer.Option("--set", metavar="STEP=MODEL", help="Another model for a step.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Write a past document again with today's models."""
    from infra.cli.generate import rerun as run

    run(run_id, change or [], as_json=as_json, url=url, key=key)


@app.command()
def providers(
    quarantine: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Take this model out until it is released.")
    ] = None,
    why: Annotated[str | None, typer.Option(help="The reason, for others to read.")] = None,
    release: Annotated[str | None, typer.Option(metavar="MODEL", help="Put this model back.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """How the models are: breakers, first tokens, failures. For operators."""
    from infra.cli.providers import providers as run

    run(quarantine, why, release, as_json=as_json, url=url, key=key)


@app.command()
def capacity(
    part: Annotated[str | None, typer.Argument(help="The part to bound; all are listed without one.")] = None,
    least: Annotated[int | None, typer.Option(min=0, help="Containers that are always there.")] = None,
    most: Annotated[int | None, typer.Option(min=1, help="Containers that there may be.")] = None,
    spare: Annotated[int | None, typer.Option(min=0, help="Containers beyond what is needed.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """How many containers each part has and may have; the next deployment resets it. For operators."""
    from infra.cli.capacity import capacity as run

    bounds = {"minimum": least, "maximum": most, "buffer": spare}
    run(part, bounds, as_json=as_json, url=url, key=key)


@app.command()
def stop(
    why: Annotated[str, typer.Option(help="The reason: every reader is told it word for word.")],
    scope: Annotated[str, typer.Argument(help="all: what costs money; llama: our own tier.")] = "all",
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """The kill switch: nothing is spent until `chatsmart start`. For operators."""
    from infra.cli.capacity import stop as run

    run(scope, why, as_json=as_json, url=url, key=key)


@app.command()
def start(
    scope: Annotated[str, typer.Argument(help="What was stopped: all or llama.")] = "all",
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Let go on what was stopped. For operators."""
    from infra.cli.capacity import start as run

    run(scope, as_json=as_json, url=url, key=key)


_simulate = typer.Typer(
    no_args_is_help=True, help="Make simulated providers fail, and watch what readers see."
)
app.add_typer(_simulate, name="simulate")


@_simulate.command("fail")
def simulate_fail(
    provider: Annotated[
        str, typer.Argument(help="openai, anthropic, gemini, perplexity, llama, or '*' for all.")
    ],
    kind: Annotated[
        str, typer.Option(help="reset, cut, stall, status, refuse …; llama: cold, draining, sick, busy.")
    ] = "reset",
    after: Annotated[int, typer.Option(help="Pieces of the answer that still come.")] = 20,
    status: Annotated[int, typer.Option(help="With --kind status: which.")] = 503,
    times: Annotated[int | None, typer.Option(help="How many calls; left out, all until `heal`.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make calls of a simulated provider fail, on the wire."""
    from infra.cli.simulate import fail

    fail(provider, kind, after=after, status=status, times=times, as_json=as_json)


@_simulate.command("heal")
def simulate_heal(as_json: AsJson = False) -> None:
    """End all failures."""
    from infra.cli.simulate import heal

    heal(as_json=as_json)


@app.command()
def doctor(
    cost: Annotated[bool, typer.Option("--cost", help="What a month costs instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check this installation; exit 1 where something is wrong."""
    if cost:
        from infra.cli.cost import cost as price_months

        price_months(as_json=as_json)
        return
    from infra.cli.doctor import doctor as run

    run(as_json=as_json)


@app.command()
def decode() -> None:
    """Filter: providers' raw answers on stdin, one JSON object a line, to what they say."""
    from infra.cli.decode import main as run

    run()


@app.command()
def splice() -> None:
    """Filter: a text that broke off and its continuation, one JSON object a line, to the text that readers get."""
    from infra.cli.splice import main as run

    raise typer.Exit(run())


@app.command()
def fingerprint() -> None:
    """Filter: prompts, one JSON object a line, to their canonical form and its digest."""
    from infra.cli.fingerprint import main as run

    raise typer.Exit(run())


@app.command()
def near() -> None:
    """Filter: two texts, one JSON object a line, to whether the cache would serve one's answer for the other."""
    from infra.cli.near import main as run

    raise typer.Exit(run())


@app.command()
def redact(
    streamed: Annotated[
        bool, typer.Option("--stream", help="`chunks` of a stream instead of `text`.")
    ] = False,
) -> None:
    """Filter: texts, one JSON object a line, to the same without what must not leave the house."""
    from infra.cli.redact import main as run

    raise typer.Exit(run(streamed))


@app.command()
def price(
    book: Annotated[bool, typer.Option("--list", help="Show the price book instead.")] = False,
    at: Annotated[str | None, typer.Option(help="With --list: the prices of this day.")] = None,
    as_json: AsJson = False,
) -> None:
    """Filter: model, time and usage, one JSON object a line, to what the call cost."""
    from infra.cli.price import listed, main

    if book:
        listed(at, as_json=as_json)
        return
    raise typer.Exit(main())


@app.command()
def migrate(as_json: AsJson = False) -> None:
    """Apply the migrations to DATABASE_ADMIN_URL, or to this machine's own Postgres."""
    from infra.cli.migrations import migrate as run

    run(as_json=as_json)


@app.command()
def bench(
    name: Annotated[list[str] | None, typer.Argument(help="Only these benchmarks.")] = None,
) -> None:
    """Run the benchmarks, short form: JSON lines; exit 1 where a limit is passed."""
    from infra.cli.bench import bench as run

    run(name or [])


@app.command(hidden=True)
def clean() -> None:
    """Stop what runs on this machine's home and remove its data (`make clean`)."""
    from infra.cli.clean import clean as run

    run()


@keys_app.command("create")
def keys_create(  # noqa: PLR0913  # one option each
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    days: Annotated[int | None, typer.Option(min=1, max=36_500, help="Expires after so many days.")] = None,
    month_cap: Dollars = None,
    day_cap: Dollars = None,
    run_cap: Dollars = None,
    requests_per_minute: Pace = None,
    tokens_per_minute: Pace = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Make a key; it is shown once. Caps are in dollars; what is left out is bound by the tenant's limits alone."""
    from infra.cli.keys import create, limits

    bounds = limits(month_cap, day_cap, run_cap, requests_per_minute, tokens_per_minute)
    create(name, days, bounds, as_json=as_json, url=url, key=key)


@keys_app.command("list")
def keys_list(as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """List the keys, newest first."""
    from infra.cli.keys import listed

    listed(as_json=as_json, url=url, key=key)


@keys_app.command("revoke")
def keys_revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="key_…")],
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """End a key at once."""
    from infra.cli.keys import revoke

    revoke(key_id, as_json=as_json, url=url, key=key)


@audit_app.command("verify")
def audit_verify(as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """Check the hash chain over the log."""
    from infra.cli.audit import verify

    verify(as_json=as_json, url=url, key=key)


def main() -> None:
    """The entry point. A defect of ours is told in a line as well; `python -X dev -m infra.cli …` shows its trace."""
    try:
        try:
            app(prog_name="chatsmart")
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            if sys.flags.dev_mode:
                raise
            _broke(error)
        from infra.cli.screen import shut_stdout

        shut_stdout()
        if error.errno != errno.EPIPE:  # a reader that has seen enough is no trouble
            _complain(f"The output can't be written: {error.strerror}.")
        sys.exit(1)
    except Exception as error:  # the edge of the process
        if sys.flags.dev_mode:
            raise
        _broke(error)


def _broke(error: Exception) -> NoReturn:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    _complain(
        f"chatsmart broke: {type(error).__name__}: {error} ({frame.filename}:{frame.lineno}). Please report it."
    )
    sys.exit(1)
