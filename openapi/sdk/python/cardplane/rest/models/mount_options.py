from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="MountOptions")


@_attrs_define
class MountOptions:
    """
    Attributes:
        path (str): Where it is mounted.
        subpath (str | Unset): A directory of the volume to mount in place of all of it; it must exist.
        read_only (bool | Unset): The container cannot write to it. A container whose mounts of a volume are all read-
            only shares it with others. Default: False.
    """

    path: str
    subpath: str | Unset = UNSET
    read_only: bool | Unset = False
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        path = self.path

        subpath = self.subpath

        read_only = self.read_only

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "path": path,
            }
        )
        if subpath is not UNSET:
            field_dict["subpath"] = subpath
        if read_only is not UNSET:
            field_dict["readOnly"] = read_only

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        path = d.pop("path")

        subpath = d.pop("subpath", UNSET)

        read_only = d.pop("readOnly", UNSET)

        mount_options = cls(
            path=path,
            subpath=subpath,
            read_only=read_only,
        )

        mount_options.additional_properties = d
        return mount_options

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
