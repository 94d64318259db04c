from enum import StrEnum


class RestartPolicyMode(StrEnum):
    RESTART_ALWAYS = "always"
    RESTART_NEVER = "no"
    RESTART_ON_FAILURE = "on-failure"
    RESTART_UNLESS_STOPPED = "unless-stopped"

    def __str__(self) -> str:
        return str(self.value)
