from enum import StrEnum


class DoctorCheckWhere(StrEnum):
    CARD = "card"
    HOST = "host"

    def __str__(self) -> str:
        return str(self.value)
