"""What can be found out without the cloud, in seconds: settings, the App as Modal would receive it, mounted files."""

from infra.deploying.commands import Ran, run
from infra.deploying.journey import Journey, Step
from infra.deploying.order import ROOT, Order, python, settings
from infra.deploying.stopped import Stopped

_IMPORT_SECONDS = 60.0


async def check(journey: Journey) -> str:
    """Settings, then the App itself. Raises Stopped."""
    order = journey.order
    settings(order)
    await importable(order)
    return f"{order.revision.name} for {order.env}, {_sizes(order)}"


async def importable(order: Order) -> None:
    """The App can be put together: an unknown kind of GPU, a model that does not fit it and two functions of one name
    all show here. Raises Stopped with the error's own last line."""
    ran = await run(
        python("-c", "import infra.deploy"), env=order.command_env(), cwd=ROOT, seconds=_IMPORT_SECONDS
    )
    if ran.code != 0:
        raise Stopped(f"The App can't be put together: {last_line(ran)}", code=2)


def last_line(ran: Ran) -> str:
    """What an uncaught error says, without its trace and the path of its class."""
    lines = [line.strip() for line in ran.words.splitlines() if line.strip()]
    if ran.late or not lines:
        return "it did not end in time." if ran.late else f"exit code {ran.code}."
    kind, _, said = lines[-1].partition(": ")
    return said if said and " " not in kind else lines[-1]


def _sizes(order: Order) -> str:
    pool = f"pool of {order.deployment.llama_gpu}" if order.deployment.llama_gpu else "no pool"
    return f"{order.deployment.warm} kept warm, {pool}"


PREFLIGHT = Step(
    "preflight", "settings, the App put together, modal deploy against a plane of our own", check
)
