"""`python -m infra.simulator.modal`: serves the plane, says what to export, stays until Ctrl-C."""

import argparse
import shlex
import signal
import sys
from collections.abc import Mapping

from infra.simulator.modal import Faults, Plane


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"'{text}' is no NAME=VALUE")
    return name, value


def _secret(text: str) -> tuple[str, str, Mapping[str, str]]:
    name, colon, rest = text.partition(":")
    environment, slash, plain = name.rpartition("/")
    keys = [key for key in rest.split(",") if key]
    if not colon or not plain:
        raise argparse.ArgumentTypeError(f"'{text}' is no [ENVIRONMENT/]NAME:KEY,KEY=VALUE")
    values = dict(_pair(key) if "=" in key else (key, "simulated") for key in keys)
    return (environment if slash else "main"), plain, values


def _options(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.simulator.modal", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument(
        "--secret", type=_secret, action="append", default=[], help="[ENVIRONMENT/]NAME:KEY,KEY=VALUE,…"
    )
    parser.add_argument(
        "--address", type=_pair, action="append", default=[], help="Web.serve=http://127.0.0.1:8000"
    )
    parser.add_argument("--unavailable", type=int, default=0, help="so many calls find nobody; -1: all")
    parser.add_argument("--slow", type=float, default=0.0, help="seconds before every answer")
    parser.add_argument("--bad-token", action="store_true", help="no token is valid")
    parser.add_argument("--image-build", default="", help="images with a step like this fail; *: all")
    parser.add_argument("--function", default="", help="the function that is refused; *: all")
    parser.add_argument("--publish", action="store_true", help="an App can't be published")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> None:
    """Serve until a signal comes."""
    options = _options(given)
    stop = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    with Plane(port=options.port, addresses=dict(options.address)) as plane:
        for environment, name, values in options.secret:
            plane.secret(name, values, environment)
        plane.faults = Faults(
            unavailable=options.unavailable,
            slow=options.slow,
            bad_token=options.bad_token,
            image_build=options.image_build,
            function=options.function,
            publish=options.publish,
        )
        for name, value in plane.env.items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
        sys.stdout.flush()
        signal.sigwait(stop)


if __name__ == "__main__":
    main()
