from enum import StrEnum


class SecuritySeccomp(StrEnum):
    SECCOMP_DEFAULT = "default"
    SECCOMP_UNCONFINED = "unconfined"

    def __str__(self) -> str:
        return str(self.value)
