from enum import StrEnum


class UlimitName(StrEnum):
    ULIMIT_CORE = "core"
    ULIMIT_CPU = "cpu"
    ULIMIT_DATA = "data"
    ULIMIT_FSIZE = "fsize"
    ULIMIT_LOCKS = "locks"
    ULIMIT_MEMLOCK = "memlock"
    ULIMIT_MSGQUEUE = "msgqueue"
    ULIMIT_NICE = "nice"
    ULIMIT_NOFILE = "nofile"
    ULIMIT_NPROC = "nproc"
    ULIMIT_RSS = "rss"
    ULIMIT_RTPRIO = "rtprio"
    ULIMIT_RTTIME = "rttime"
    ULIMIT_SIGPENDING = "sigpending"
    ULIMIT_STACK = "stack"

    def __str__(self) -> str:
        return str(self.value)
