from enum import StrEnum


class WaitCondition(StrEnum):
    WAIT_HEALTHY = "healthy"
    WAIT_NEXT_EXIT = "next-exit"
    WAIT_NOT_RUNNING = "not-running"
    WAIT_REMOVED = "removed"

    def __str__(self) -> str:
        return str(self.value)
