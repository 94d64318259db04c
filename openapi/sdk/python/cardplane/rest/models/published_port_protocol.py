from enum import StrEnum


class PublishedPortProtocol(StrEnum):
    PORT_TCP = "tcp"
    PORT_UDP = "udp"

    def __str__(self) -> str:
        return str(self.value)
