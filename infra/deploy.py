"""What `modal deploy -m infra.deploy` ships: the functions and, where the settings name a kind of GPU, the Llama pool,
as one App of one version. `chatsmart deploy` is the way to call it; alone it deploys without asking anything.
"""

from types import ModuleType

import modal

from functions import modal_app
from shared.config import Deployment

NAME = "chatsmart"


class NamesCollide(RuntimeError):
    """Two parts of the deployment have a function of the same name: Modal would keep one of them, with a warning."""


def names(part: ModuleType) -> frozenset[str]:
    """The names of what a part deploys: functions, classes and servers that stand in its module."""
    kinds = (modal.Function, modal.Cls, modal.Server)
    return frozenset(name for name, value in vars(part).items() if isinstance(value, kinds))


def composed(deployment: Deployment, *parts: ModuleType) -> modal.App:
    """One App of the parts' Apps. Raises NamesCollide."""
    tags = {"env": deployment.env, "revision": deployment.revision or "unknown"}
    whole = modal.App(NAME, tags=tags)
    taken: frozenset[str] = frozenset()
    for part in parts:
        if twice := sorted(taken & names(part)):
            raise NamesCollide(
                f"{part.__name__} deploys {', '.join(twice)} a second time: rename one of them."
            )
        taken |= names(part)
        whole.include(part.app)
    return whole


def _parts(deployment: Deployment) -> tuple[ModuleType, ...]:
    if not deployment.llama_gpu:
        return (modal_app,)
    from gpu import app as pool

    return (modal_app, pool)


DEPLOYMENT = Deployment.from_env()
app = composed(DEPLOYMENT, *_parts(DEPLOYMENT))
