"""A process that flies: `python -m tests.chaos.flyer REDIS TENANT KEY LABEL [SAYS PAUSE]`.

It joins a flight and tells what happens as JSON lines: its role, each message it hears, that it takes over. A lead says
`SAYS` messages `<label> <number>`, one every `PAUSE` seconds, counting on from what was heard, then ends the flight.
"""

import asyncio
import json
import sys
from contextlib import aclosing

from shared.adapters.redis.connection import RedisConnection
from shared.adapters.redis.flights import RedisFlights
from shared.core.ids import TenantId
from shared.ports.flights import Following, Lead


def tell(what: str, **more: object) -> None:
    """One line for whoever started this."""
    sys.stdout.write(json.dumps({"what": what, **more}) + "\n")
    sys.stdout.flush()


async def lead_on(lead: Lead, label: str, said: int, says: int, pause: float) -> None:
    """Say what is left to say."""
    for number in range(said, says):
        if not await lead.say(f"{label} {number}".encode()):
            tell("out")
            return
        await asyncio.sleep(pause)
    await lead.end(f"{label} {says}".encode())
    tell("ended")


async def follow(flight: Following, label: str, says: int, pause: float) -> None:
    """Hear it to the end, taking over where nobody leads."""
    heard = 0
    while True:
        async with aclosing(flight.messages()) as messages:
            async for message in messages:
                heard += 1
                tell("heard", message=message.decode())
        if flight.over:
            tell("over")
            return
        if (lead := await flight.take_over()) is not None:
            tell("leads", token=lead.token)
            await lead_on(lead, label, heard, says, pause)
            return


async def main(redis: str, tenant: str, key: str, label: str, says: int, pause: float) -> None:
    """One flight."""
    connection = RedisConnection(redis)
    flights = RedisFlights(connection)
    flight = await flights.join(TenantId(tenant), bytes.fromhex(key))
    if isinstance(flight, Following):
        tell("follows")
        await follow(flight, label, says, pause)
    else:
        tell("leads", token=flight.token)
        await lead_on(flight, label, 0, says, pause)
    await flights.close()
    await connection.close()


if __name__ == "__main__":
    _, where, whose, which, name, count, gap = sys.argv
    asyncio.run(main(where, whose, which, name, int(count), float(gap)))
