"""`modal deploy`, and the way back."""

from infra.deploying.journey import Journey, Step
from infra.deploying.past import before
from infra.deploying.stopped import Stopped


async def ship(journey: Journey) -> str:
    """Publish this revision, where it is not what runs. With a pool, its address must be known to the web: where it is
    new, a second deploy tells it. The images are built by then, so it takes seconds. Raises Stopped."""
    order, plane, runs = journey.order, journey.plane, journey.before
    fresh = not order.revision.changed and not order.wishes.again and not order.wishes.write_secrets
    if runs is not None and runs.tag == order.tag and fresh:
        return f"{order.revision.name} runs already as v{runs.version}: nothing to ship"
    journey.published = True
    shipped = await plane.deploy(llama_url=journey.pool_url)
    if order.deployment.llama_gpu and not shipped.pool:
        raise Stopped("`modal deploy` printed no address of the pool, though CHATSMART_LLAMA_GPU is set.")
    if shipped.pool and shipped.pool != journey.pool_url:
        journey.say(f"  the pool is new at {shipped.pool}: telling the web")
        shipped = await plane.deploy(llama_url=shipped.pool)
    journey.shipped, journey.pool_url = shipped, shipped.pool
    if shipped.pool and not await plane.fetch_weights():
        journey.say(f"! The weights could not be asked for: modal run --env {order.env} -m gpu.app::weights")
    return f"{order.tag} at {shipped.web}"


async def back(journey: Journey) -> str:
    """Let the version run again that ran before; a first one that failed is ended, so that its jobs don't go on over a
    release that nobody has seen work."""
    if not journey.published:
        return ""
    # A stopped App has a history too: its versions are none of ours.
    there = journey.before is not None or (await journey.plane.seen({}, pool=False)).deployed
    history = await journey.plane.history() if there else ()
    newest = history[0].version if history else 0
    if newest <= journey.newest:
        runs = journey.before
        return f"Nothing was published: v{runs.version} runs on." if runs else "Nothing was published."
    if journey.order.wishes.keep:
        return f"v{newest} is left standing, as --keep says. Back: chatsmart deploy rollback --env {journey.order.env}"
    if journey.before is None:
        await journey.plane.stop()
        return (
            f"v{newest} was the first version: the App is stopped, there is none to go back to. "
            f"Its log: modal app logs chatsmart --env {journey.order.env}"
        )
    await journey.plane.rollback(journey.before.version)
    return f"Rolled back: v{newest} is replaced by what v{journey.before.version} ({journey.before.tag}) was."


DEPLOY = Step(
    "deploy", "modal deploy -m infra.deploy: build the images, publish, let old containers finish", ship, back
)


def rollback_to(version: int) -> Step:
    """The step that lets an earlier version run again; 0 is the newest before what runs that nobody went back from."""

    async def do(journey: Journey) -> str:
        history = await journey.plane.history()
        known = {one.version: one for one in history}
        target = version or before(history)
        env = journey.order.env
        if history and not (await journey.plane.seen({}, pool=False)).deployed:
            raise Stopped(
                f"The App is stopped in {env}: there is nothing to go back from. Deploy: chatsmart deploy --env {env}",
                code=2,
            )
        if history and target == history[0].version:
            raise Stopped(f"v{target} is what runs in {env}.", code=2)
        if target not in known:
            there = ", ".join(f"v{one.version} ({one.tag})" for one in history[:10]) or "nothing was deployed"
            told = (
                f"There is no v{version} to go back to in {env}: {there}."
                if version
                else f"There is no earlier version in {env} that nobody went back from: {there}. --to takes any."
            )
            raise Stopped(told, code=2)
        await journey.plane.rollback(target)
        return (
            f"v{history[0].version} is replaced by what v{target} ({known[target].tag}) was. The database stays as it "
            "is: migrations only add."
        )

    async def stands(journey: Journey) -> str:
        newest = (*await journey.plane.history(), None)[0]
        if newest is None:
            return "Nothing was ever deployed."
        if not (await journey.plane.seen({}, pool=False)).deployed:
            return "Nothing runs now."
        return f"v{newest.version} ({newest.tag}) runs now."

    return Step("rollback", "modal app rollback", do, stands)
