from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Exec")


@_attrs_define
class Exec:
    """
    Example:
        {'id': '0a1b2c3d4e5f6071', 'containerId': '3f2b8c1d9e4a5f60718293a4b5c6d7e8', 'command': ['ls', '-l'],
            'running': False, 'exitCode': 0, 'startedAt': '2026-01-02T15:04:07Z'}

    Attributes:
        id (str):
        container_id (str):
        command (list[str]):
        running (bool):
        exit_code (int | Unset): Present once it has ended.
        started_at (datetime.datetime | Unset):
        tty (bool | Unset): It has a terminal.
        stdin (bool | Unset): It takes input.
    """

    id: str
    container_id: str
    command: list[str]
    running: bool
    exit_code: int | Unset = UNSET
    started_at: datetime.datetime | Unset = UNSET
    tty: bool | Unset = UNSET
    stdin: bool | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        container_id = self.container_id

        command = self.command

        running = self.running

        exit_code = self.exit_code

        started_at: str | Unset = UNSET
        if not isinstance(self.started_at, Unset):
            started_at = self.started_at.isoformat()

        tty = self.tty

        stdin = self.stdin

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "containerId": container_id,
                "command": command,
                "running": running,
            }
        )
        if exit_code is not UNSET:
            field_dict["exitCode"] = exit_code
        if started_at is not UNSET:
            field_dict["startedAt"] = started_at
        if tty is not UNSET:
            field_dict["tty"] = tty
        if stdin is not UNSET:
            field_dict["stdin"] = stdin

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        container_id = d.pop("containerId")

        command = cast(list[str], d.pop("command"))

        running = d.pop("running")

        exit_code = d.pop("exitCode", UNSET)

        _started_at = d.pop("startedAt", UNSET)
        started_at: datetime.datetime | Unset
        if isinstance(_started_at, Unset):
            started_at = UNSET
        else:
            started_at = datetime.datetime.fromisoformat(_started_at)

        tty = d.pop("tty", UNSET)

        stdin = d.pop("stdin", UNSET)

        exec_ = cls(
            id=id,
            container_id=container_id,
            command=command,
            running=running,
            exit_code=exit_code,
            started_at=started_at,
            tty=tty,
            stdin=stdin,
        )

        exec_.additional_properties = d
        return exec_

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
