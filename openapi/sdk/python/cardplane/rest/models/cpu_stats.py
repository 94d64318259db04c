from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="CpuStats")


@_attrs_define
class CpuStats:
    """
    Attributes:
        microseconds (int): CPU time.
        user_microseconds (int):
        system_microseconds (int):
        online (int): Virtual CPUs.
    """

    microseconds: int
    user_microseconds: int
    system_microseconds: int
    online: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        microseconds = self.microseconds

        user_microseconds = self.user_microseconds

        system_microseconds = self.system_microseconds

        online = self.online

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "microseconds": microseconds,
                "userMicroseconds": user_microseconds,
                "systemMicroseconds": system_microseconds,
                "online": online,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        microseconds = d.pop("microseconds")

        user_microseconds = d.pop("userMicroseconds")

        system_microseconds = d.pop("systemMicroseconds")

        online = d.pop("online")

        cpu_stats = cls(
            microseconds=microseconds,
            user_microseconds=user_microseconds,
            system_microseconds=system_microseconds,
            online=online,
        )

        cpu_stats.additional_properties = d
        return cpu_stats

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
