"""The services as they are built where they are deployed."""

from functions.cloud.capacity import ModalCapacity
from functions.cloud.containers import ModalContainers
from functions.cloud.workers import ModalWorkers
from shared.bootstrap import Services, services
from shared.config import Settings


def deployed(settings: Settings) -> Services:
    """Everything, with Modal's adapters. Connects to nothing. Raises BadSettings."""
    return services(settings, workers=ModalWorkers(), capacity=ModalCapacity(), containers=ModalContainers())
