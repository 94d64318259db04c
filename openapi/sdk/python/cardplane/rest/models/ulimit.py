from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.ulimit_name import UlimitName

T = TypeVar("T", bound="Ulimit")


@_attrs_define
class Ulimit:
    """Limits of each process (setrlimit(2)); -1 is no limit.

    Attributes:
        name (UlimitName): RLIMIT_'s, in lower case.
        soft (int):
        hard (int):
    """

    name: UlimitName
    soft: int
    hard: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name.value

        soft = self.soft

        hard = self.hard

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "soft": soft,
                "hard": hard,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = UlimitName(d.pop("name"))

        soft = d.pop("soft")

        hard = d.pop("hard")

        ulimit = cls(
            name=name,
            soft=soft,
            hard=hard,
        )

        ulimit.additional_properties = d
        return ulimit

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
