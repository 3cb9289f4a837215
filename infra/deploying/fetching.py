"""`python -m infra.deploying.fetching APP ENVIRONMENT`: have the pool's weights put on its volume, without waiting.

Where they lie already the call ends at once. A replica that starts before they are there ends, and another is started.
"""

import sys

import modal


def main() -> None:
    """Ask for it; the call's id goes to stdout."""
    app, environment = sys.argv[1:]
    call = modal.Function.from_name(app, "weights", environment_name=environment).spawn()
    sys.stdout.write(call.object_id + "\n")


if __name__ == "__main__":
    main()
