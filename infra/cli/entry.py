"""Where the process begins: quiet under Ctrl-C from the first moment, also while its modules are being imported."""

import os
import signal


def main() -> None:
    """Run the command line."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from infra.cli.main import main as run

    signal.signal(signal.SIGINT, signal.default_int_handler)
    run()
