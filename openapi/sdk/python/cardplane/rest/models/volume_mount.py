from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="VolumeMount")


@_attrs_define
class VolumeMount:
    """
    Attributes:
        volume (str): The volume's name. One that does not exist is created with the defaults.
        path (str): Where it is mounted.
        subpath (str | Unset): A directory of the volume to mount in place of all of it; it must exist when the
            container starts.
        read_only (bool | Unset): The container cannot write to it. A container whose mounts of a volume are all read-
            only shares it with others. Default: False.
    """

    volume: str
    path: str
    subpath: str | Unset = UNSET
    read_only: bool | Unset = False
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        volume = self.volume

        path = self.path

        subpath = self.subpath

        read_only = self.read_only

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "volume": volume,
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
        volume = d.pop("volume")

        path = d.pop("path")

        subpath = d.pop("subpath", UNSET)

        read_only = d.pop("readOnly", UNSET)

        volume_mount = cls(
            volume=volume,
            path=path,
            subpath=subpath,
            read_only=read_only,
        )

        volume_mount.additional_properties = d
        return volume_mount

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
