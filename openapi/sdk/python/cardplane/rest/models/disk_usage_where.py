from enum import StrEnum


class DiskUsageWhere(StrEnum):
    CARD = "card"
    HOST = "host"

    def __str__(self) -> str:
        return str(self.value)
