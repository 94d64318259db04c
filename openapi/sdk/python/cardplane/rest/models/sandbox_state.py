from enum import StrEnum


class SandboxState(StrEnum):
    SANDBOX_IDLE = "idle"
    SANDBOX_RUNNING = "running"
    SANDBOX_STARTING = "starting"

    def __str__(self) -> str:
        return str(self.value)
