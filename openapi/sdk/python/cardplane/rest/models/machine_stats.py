from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="MachineStats")


@_attrs_define
class MachineStats:
    """What the VMM and all that it starts take from the compute host, the
    guest included. Absent while the host cannot be asked, and a member
    where it does not count.

        Attributes:
            cpu_microseconds (int | Unset):
            memory_bytes (int | Unset):
            read_bytes (int | Unset):
            written_bytes (int | Unset):
    """

    cpu_microseconds: int | Unset = UNSET
    memory_bytes: int | Unset = UNSET
    read_bytes: int | Unset = UNSET
    written_bytes: int | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        cpu_microseconds = self.cpu_microseconds

        memory_bytes = self.memory_bytes

        read_bytes = self.read_bytes

        written_bytes = self.written_bytes

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if cpu_microseconds is not UNSET:
            field_dict["cpuMicroseconds"] = cpu_microseconds
        if memory_bytes is not UNSET:
            field_dict["memoryBytes"] = memory_bytes
        if read_bytes is not UNSET:
            field_dict["readBytes"] = read_bytes
        if written_bytes is not UNSET:
            field_dict["writtenBytes"] = written_bytes

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        cpu_microseconds = d.pop("cpuMicroseconds", UNSET)

        memory_bytes = d.pop("memoryBytes", UNSET)

        read_bytes = d.pop("readBytes", UNSET)

        written_bytes = d.pop("writtenBytes", UNSET)

        machine_stats = cls(
            cpu_microseconds=cpu_microseconds,
            memory_bytes=memory_bytes,
            read_bytes=read_bytes,
            written_bytes=written_bytes,
        )

        machine_stats.additional_properties = d
        return machine_stats

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
