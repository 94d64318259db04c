from enum import StrEnum


class NetworkMode(StrEnum):
    NETWORK_HOST_MODE = "host"
    NETWORK_USER_MODE = "user"

    def __str__(self) -> str:
        return str(self.value)
