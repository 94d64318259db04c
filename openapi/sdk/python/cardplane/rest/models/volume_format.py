from enum import StrEnum


class VolumeFormat(StrEnum):
    FORMAT_EXT_4 = "ext4"
    FORMAT_RAW = "raw"

    def __str__(self) -> str:
        return str(self.value)
