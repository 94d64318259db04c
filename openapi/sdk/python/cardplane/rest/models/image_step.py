from enum import StrEnum


class ImageStep(StrEnum):
    STEP_BUILD = "build"
    STEP_CACHED = "cached"
    STEP_FETCH = "fetch"
    STEP_VERIFY = "verify"

    def __str__(self) -> str:
        return str(self.value)
