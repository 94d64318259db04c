from enum import StrEnum


class EventType(StrEnum):
    CONTAINER_CREATE = "container.create"
    CONTAINER_EXIT = "container.exit"
    CONTAINER_FAIL = "container.fail"
    CONTAINER_HEALTH_STATUS = "container.health_status"
    CONTAINER_PAUSE = "container.pause"
    CONTAINER_REMOVE = "container.remove"
    CONTAINER_RENAME = "container.rename"
    CONTAINER_RESTART = "container.restart"
    CONTAINER_START = "container.start"
    CONTAINER_UNPAUSE = "container.unpause"
    CONTAINER_UPDATE = "container.update"
    EXEC_EXIT = "exec.exit"
    EXEC_START = "exec.start"
    IMAGE_LOAD = "image.load"
    IMAGE_PULL = "image.pull"
    IMAGE_REMOVE = "image.remove"
    IMAGE_TAG = "image.tag"
    IMAGE_UNTAG = "image.untag"
    NETWORK_CONNECT = "network.connect"
    NETWORK_CREATE = "network.create"
    NETWORK_DISCONNECT = "network.disconnect"
    NETWORK_REMOVE = "network.remove"
    SANDBOX_CREATE = "sandbox.create"
    SANDBOX_REMOVE = "sandbox.remove"
    VOLUME_CREATE = "volume.create"
    VOLUME_REMOVE = "volume.remove"
    VOLUME_UPDATE = "volume.update"

    def __str__(self) -> str:
        return str(self.value)
