"""What can be found out without the cloud, in seconds: settings, the App as Modal would receive it, mounted files."""

from infra.deploying.checks import wanted
from infra.deploying.commands import Ran, run
from infra.deploying.journey import Journey, Step
from infra.deploying.order import IMAGE_BUILDER, ROOT, Order, python, settings
from infra.deploying.plane import deploy_command, last_lines
from infra.deploying.stopped import Stopped
from shared.core.faults import OurFault

_IMPORT_SECONDS = 60.0
_DEPLOY_SECONDS = 120.0


async def check(journey: Journey) -> str:
    """Settings, then the App itself. Raises Stopped."""
    order = journey.order
    startable(order)
    await shipped(order)
    return f"{order.revision.name} for {order.env}, {_sizes(order)}; modal deploy would go through"


async def dry(order: Order) -> None:
    """As much of it as takes a second or two, for who only asks what would happen. Raises Stopped."""
    startable(order)
    await importable(order)


def startable(order: Order) -> None:
    """Build what the web builds when it starts, which connects to nothing: settings that can each be right may still
    leave a step of a pipeline without a model. Raises Stopped with what the web would end with."""
    from shared.bootstrap import services

    told = settings(order)
    try:
        built = services(told)
    except OurFault as fault:
        raise Stopped(f"{order.path}: the web could not start: {fault.message}", code=2) from None
    built.telemetry.close()


async def importable(order: Order) -> None:
    """Why the App can't be put together, without the frame that Modal's command draws: an unknown kind of GPU, a model
    that does not fit it, two functions of one name. Raises Stopped with the error's own last line."""
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


async def shipped(order: Order) -> None:
    """`modal deploy`, the real command, against a plane of our own: what Modal would refuse shows here. Raises Stopped
    with the last of what it printed."""
    from infra.simulator.modal import Plane

    with Plane() as plane:
        for name, keys in wanted(order).items():
            plane.secret(name, dict.fromkeys(keys, "simulated"), order.env)
        env = {**order.command_env(), **plane.env, "MODAL_IMAGE_BUILDER_VERSION": IMAGE_BUILDER}
        ran = await run(deploy_command(order.env, order.tag), env=env, cwd=ROOT, seconds=_DEPLOY_SECONDS)
    if ran.code != 0:
        await importable(order)
        raise Stopped(f"`modal deploy` would fail:\n{last_lines(ran)}")


PREFLIGHT = Step(
    "preflight",
    "settings, what the web builds at its start, the App put together, modal deploy against a plane of our own",
    check,
)
