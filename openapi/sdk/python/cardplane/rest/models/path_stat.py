from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.path_stat_type import PathStatType
from ..types import UNSET, Unset

T = TypeVar("T", bound="PathStat")


@_attrs_define
class PathStat:
    """
    Example:
        {'name': 'hosts', 'type': 'file', 'mode': 420, 'sizeBytes': 174, 'modifiedAt': '2026-01-02T03:04:05Z',
            'isDirectory': False}

    Attributes:
        name (str): The path's last element.
        type_ (PathStatType): What kind of file it is.
        mode (int): Permissions with the set-id and sticky bits, 0 to 4095.
        size_bytes (int):
        modified_at (datetime.datetime):
        is_directory (bool): It is a directory, or a symbolic link that leads to one.
        link_target (str | Unset): What a symbolic link holds.
    """

    name: str
    type_: PathStatType
    mode: int
    size_bytes: int
    modified_at: datetime.datetime
    is_directory: bool
    link_target: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        type_ = self.type_.value

        mode = self.mode

        size_bytes = self.size_bytes

        modified_at = self.modified_at.isoformat()

        is_directory = self.is_directory

        link_target = self.link_target

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "type": type_,
                "mode": mode,
                "sizeBytes": size_bytes,
                "modifiedAt": modified_at,
                "isDirectory": is_directory,
            }
        )
        if link_target is not UNSET:
            field_dict["linkTarget"] = link_target

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        type_ = PathStatType(d.pop("type"))

        mode = d.pop("mode")

        size_bytes = d.pop("sizeBytes")

        modified_at = datetime.datetime.fromisoformat(d.pop("modifiedAt"))

        is_directory = d.pop("isDirectory")

        link_target = d.pop("linkTarget", UNSET)

        path_stat = cls(
            name=name,
            type_=type_,
            mode=mode,
            size_bytes=size_bytes,
            modified_at=modified_at,
            is_directory=is_directory,
            link_target=link_target,
        )

        path_stat.additional_properties = d
        return path_stat

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
