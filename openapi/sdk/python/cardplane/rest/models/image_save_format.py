from enum import StrEnum


class ImageSaveFormat(StrEnum):
    FORMAT_DOCKER = "docker-archive"
    FORMAT_OCI = "oci"

    def __str__(self) -> str:
        return str(self.value)
