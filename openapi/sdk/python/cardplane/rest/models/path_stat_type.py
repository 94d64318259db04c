from enum import StrEnum


class PathStatType(StrEnum):
    DEVICE = "device"
    DIRECTORY = "directory"
    FIFO = "fifo"
    FILE = "file"
    SOCKET = "socket"
    SYMLINK = "symlink"

    def __str__(self) -> str:
        return str(self.value)
