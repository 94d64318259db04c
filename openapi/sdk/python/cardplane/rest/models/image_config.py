from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.healthcheck import Healthcheck
    from ..models.image_config_labels import ImageConfigLabels


T = TypeVar("T", bound="ImageConfig")


@_attrs_define
class ImageConfig:
    """The execution parameters of the OCI image configuration.

    Attributes:
        entrypoint (list[str] | Unset):
        command (list[str] | Unset):
        env (list[str] | Unset): KEY=VALUE.
        working_dir (str | Unset):
        user (str | Unset):
        stop_signal (str | Unset):
        shell (list[str] | Unset): What runs the shell form of commands; /bin/sh -c when absent.
        healthcheck (Healthcheck | Unset): A program that is run in the container again and again, as its user, in
            its environment and working directory, to find out its health: exit code
            0 is a success, anything else a failure. Give one of `command`, `shell`
            and `disabled`, or none to keep the image's. The times and `retries`
            that are left out are the image's where it has a health check, else the
            defaults; in a container all are filled in. An image's times that are
            out of the bounds below count as left out.

            The guest runs it, so it goes on while the control plane is away. A
            probe is killed, with all that it has started, at its timeout and at its
            program's end. Probes are no execs, and only a change of `health.status`
            makes an event. A paused container is not probed.
        exposed_ports (list[str] | Unset): port/protocol.
        volumes (list[str] | Unset):
        labels (ImageConfigLabels | Unset):
    """

    entrypoint: list[str] | Unset = UNSET
    command: list[str] | Unset = UNSET
    env: list[str] | Unset = UNSET
    working_dir: str | Unset = UNSET
    user: str | Unset = UNSET
    stop_signal: str | Unset = UNSET
    shell: list[str] | Unset = UNSET
    healthcheck: Healthcheck | Unset = UNSET
    exposed_ports: list[str] | Unset = UNSET
    volumes: list[str] | Unset = UNSET
    labels: ImageConfigLabels | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        entrypoint: list[str] | Unset = UNSET
        if not isinstance(self.entrypoint, Unset):
            entrypoint = self.entrypoint

        command: list[str] | Unset = UNSET
        if not isinstance(self.command, Unset):
            command = self.command

        env: list[str] | Unset = UNSET
        if not isinstance(self.env, Unset):
            env = self.env

        working_dir = self.working_dir

        user = self.user

        stop_signal = self.stop_signal

        shell: list[str] | Unset = UNSET
        if not isinstance(self.shell, Unset):
            shell = self.shell

        healthcheck: dict[str, Any] | Unset = UNSET
        if not isinstance(self.healthcheck, Unset):
            healthcheck = self.healthcheck.to_dict()

        exposed_ports: list[str] | Unset = UNSET
        if not isinstance(self.exposed_ports, Unset):
            exposed_ports = self.exposed_ports

        volumes: list[str] | Unset = UNSET
        if not isinstance(self.volumes, Unset):
            volumes = self.volumes

        labels: dict[str, Any] | Unset = UNSET
        if not isinstance(self.labels, Unset):
            labels = self.labels.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if entrypoint is not UNSET:
            field_dict["entrypoint"] = entrypoint
        if command is not UNSET:
            field_dict["command"] = command
        if env is not UNSET:
            field_dict["env"] = env
        if working_dir is not UNSET:
            field_dict["workingDir"] = working_dir
        if user is not UNSET:
            field_dict["user"] = user
        if stop_signal is not UNSET:
            field_dict["stopSignal"] = stop_signal
        if shell is not UNSET:
            field_dict["shell"] = shell
        if healthcheck is not UNSET:
            field_dict["healthcheck"] = healthcheck
        if exposed_ports is not UNSET:
            field_dict["exposedPorts"] = exposed_ports
        if volumes is not UNSET:
            field_dict["volumes"] = volumes
        if labels is not UNSET:
            field_dict["labels"] = labels

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.healthcheck import Healthcheck  # noqa: PLC0415
        from ..models.image_config_labels import ImageConfigLabels  # noqa: PLC0415

        d = dict(src_dict)
        entrypoint = cast(list[str], d.pop("entrypoint", UNSET))

        command = cast(list[str], d.pop("command", UNSET))

        env = cast(list[str], d.pop("env", UNSET))

        working_dir = d.pop("workingDir", UNSET)

        user = d.pop("user", UNSET)

        stop_signal = d.pop("stopSignal", UNSET)

        shell = cast(list[str], d.pop("shell", UNSET))

        _healthcheck = d.pop("healthcheck", UNSET)
        healthcheck: Healthcheck | Unset
        if isinstance(_healthcheck, Unset):
            healthcheck = UNSET
        else:
            healthcheck = Healthcheck.from_dict(_healthcheck)

        exposed_ports = cast(list[str], d.pop("exposedPorts", UNSET))

        volumes = cast(list[str], d.pop("volumes", UNSET))

        _labels = d.pop("labels", UNSET)
        labels: ImageConfigLabels | Unset
        if isinstance(_labels, Unset):
            labels = UNSET
        else:
            labels = ImageConfigLabels.from_dict(_labels)

        image_config = cls(
            entrypoint=entrypoint,
            command=command,
            env=env,
            working_dir=working_dir,
            user=user,
            stop_signal=stop_signal,
            shell=shell,
            healthcheck=healthcheck,
            exposed_ports=exposed_ports,
            volumes=volumes,
            labels=labels,
        )

        image_config.additional_properties = d
        return image_config

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
