from enum import StrEnum


class HealthStatus(StrEnum):
    HEALTH_HEALTHY = "healthy"
    HEALTH_STARTING = "starting"
    HEALTH_UNHEALTHY = "unhealthy"

    def __str__(self) -> str:
        return str(self.value)
