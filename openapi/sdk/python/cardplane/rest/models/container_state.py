from enum import StrEnum


class ContainerState(StrEnum):
    CREATED = "created"
    EXITED = "exited"
    FAILED = "failed"
    PAUSED = "paused"
    RESTARTING = "restarting"
    RUNNING = "running"
    STARTING = "starting"
    STOPPING = "stopping"

    def __str__(self) -> str:
        return str(self.value)
