from enum import StrEnum


class LogPolicyWhenFull(StrEnum):
    BLOCK = "block"
    DROP = "drop"

    def __str__(self) -> str:
        return str(self.value)
