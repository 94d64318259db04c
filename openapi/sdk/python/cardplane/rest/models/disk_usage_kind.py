from enum import StrEnum


class DiskUsageKind(StrEnum):
    USAGE_CONTAINERS = "containers"
    USAGE_IMAGES = "images"
    USAGE_LOGS = "logs"
    USAGE_PARTIAL_PULLS = "partial-pulls"
    USAGE_VOLUMES = "volumes"

    def __str__(self) -> str:
        return str(self.value)
