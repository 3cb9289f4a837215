"""Modal's control plane on loopback: the real `modal` command and client work against it; nothing leaves the machine.

The calls are those of the installed client's own stubs; about fifty are answered, the rest is UNIMPLEMENTED by name.
It keeps what it is sent, so that a test can ask what Modal would have got (`received.py`), it misbehaves on command
(`faults.py`), and it starts a deployed function's container through the client's own entry point (`container.py`).

    with Plane() as plane:
        plane.secret("chatsmart", {"DATABASE_URL": "…"})
        subprocess.run(["modal", "deploy", "-m", "infra.deploy"], env=os.environ | plane.env)
        plane.app("chatsmart").now.functions["write"].timeout

From a shell: `python -m infra.simulator.modal` prints the environment to export, and serves until Ctrl-C.
"""

from infra.simulator.modal.faults import Faults
from infra.simulator.modal.plane import Plane

__all__ = ["Faults", "Plane"]
