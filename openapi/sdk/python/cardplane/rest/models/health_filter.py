from enum import StrEnum


class HealthFilter(StrEnum):
    HEALTH_FILTER_HEALTHY = "healthy"
    HEALTH_FILTER_NONE = "none"
    HEALTH_FILTER_STARTING = "starting"
    HEALTH_FILTER_UNHEALTHY = "unhealthy"

    def __str__(self) -> str:
        return str(self.value)
