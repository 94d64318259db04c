from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Healthcheck")


@_attrs_define
class Healthcheck:
    """A program that is run in the container again and again, as its user, in
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

        Attributes:
            command (list[str] | Unset): The program and its arguments.
            shell (str | Unset): A command line for the image's shell, or for /bin/sh -c.
            disabled (bool | Unset): No health check, also where the image has one. Default: False.
            interval_seconds (float | Unset): From the start, or the end of a probe, to the next probe. Default 30.
            timeout_seconds (float | Unset): Time for a probe, after which it has failed. Default 30.
            start_period_seconds (float | Unset): Time after the start in which failures do not count while no probe has
                succeeded. Default 0.
            start_interval_seconds (float | Unset): The interval in that time. Default 5.
            retries (int | Unset): How many failures in a row make the container unhealthy. Default 3.
    """

    command: list[str] | Unset = UNSET
    shell: str | Unset = UNSET
    disabled: bool | Unset = False
    interval_seconds: float | Unset = UNSET
    timeout_seconds: float | Unset = UNSET
    start_period_seconds: float | Unset = UNSET
    start_interval_seconds: float | Unset = UNSET
    retries: int | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        command: list[str] | Unset = UNSET
        if not isinstance(self.command, Unset):
            command = self.command

        shell = self.shell

        disabled = self.disabled

        interval_seconds = self.interval_seconds

        timeout_seconds = self.timeout_seconds

        start_period_seconds = self.start_period_seconds

        start_interval_seconds = self.start_interval_seconds

        retries = self.retries

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if command is not UNSET:
            field_dict["command"] = command
        if shell is not UNSET:
            field_dict["shell"] = shell
        if disabled is not UNSET:
            field_dict["disabled"] = disabled
        if interval_seconds is not UNSET:
            field_dict["intervalSeconds"] = interval_seconds
        if timeout_seconds is not UNSET:
            field_dict["timeoutSeconds"] = timeout_seconds
        if start_period_seconds is not UNSET:
            field_dict["startPeriodSeconds"] = start_period_seconds
        if start_interval_seconds is not UNSET:
            field_dict["startIntervalSeconds"] = start_interval_seconds
        if retries is not UNSET:
            field_dict["retries"] = retries

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        command = cast(list[str], d.pop("command", UNSET))

        shell = d.pop("shell", UNSET)

        disabled = d.pop("disabled", UNSET)

        interval_seconds = d.pop("intervalSeconds", UNSET)

        timeout_seconds = d.pop("timeoutSeconds", UNSET)

        start_period_seconds = d.pop("startPeriodSeconds", UNSET)

        start_interval_seconds = d.pop("startIntervalSeconds", UNSET)

        retries = d.pop("retries", UNSET)

        healthcheck = cls(
            command=command,
            shell=shell,
            disabled=disabled,
            interval_seconds=interval_seconds,
            timeout_seconds=timeout_seconds,
            start_period_seconds=start_period_seconds,
            start_interval_seconds=start_interval_seconds,
            retries=retries,
        )

        healthcheck.additional_properties = d
        return healthcheck

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
