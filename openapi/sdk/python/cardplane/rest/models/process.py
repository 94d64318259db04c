from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Process")


@_attrs_define
class Process:
    """
    Attributes:
        pid (int): In the container; 1 is its first process.
        parent_pid (int): 0 where the parent is not in the container.
        uid (int):
        state (str): One letter, as in proc(5): R runs, S and D sleep, T is stopped, Z is a zombie.
        threads (int):
        cpu_microseconds (int):
        memory_bytes (int): What is resident.
        command (str): The first 256 bytes of the command line, or the name in brackets.
    """

    pid: int
    parent_pid: int
    uid: int
    state: str
    threads: int
    cpu_microseconds: int
    memory_bytes: int
    command: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        pid = self.pid

        parent_pid = self.parent_pid

        uid = self.uid

        state = self.state

        threads = self.threads

        cpu_microseconds = self.cpu_microseconds

        memory_bytes = self.memory_bytes

        command = self.command

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "pid": pid,
                "parentPid": parent_pid,
                "uid": uid,
                "state": state,
                "threads": threads,
                "cpuMicroseconds": cpu_microseconds,
                "memoryBytes": memory_bytes,
                "command": command,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        pid = d.pop("pid")

        parent_pid = d.pop("parentPid")

        uid = d.pop("uid")

        state = d.pop("state")

        threads = d.pop("threads")

        cpu_microseconds = d.pop("cpuMicroseconds")

        memory_bytes = d.pop("memoryBytes")

        command = d.pop("command")

        process = cls(
            pid=pid,
            parent_pid=parent_pid,
            uid=uid,
            state=state,
            threads=threads,
            cpu_microseconds=cpu_microseconds,
            memory_bytes=memory_bytes,
            command=command,
        )

        process.additional_properties = d
        return process

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
