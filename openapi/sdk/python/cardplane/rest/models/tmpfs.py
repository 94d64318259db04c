from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Tmpfs")


@_attrs_define
class Tmpfs:
    """
    Attributes:
        path (str): Where it is mounted; made when the image lacks it.
        size_bytes (int | Unset): Default half of the VM's memory.
        mode (str | Unset): Permissions of its root, octal. Default: '1777'.
        uid (int | Unset):  Default: 0.
        gid (int | Unset):  Default: 0.
        read_only (bool | Unset):  Default: False.
        exec_ (bool | Unset): Programs in it can be executed. Default: False.
        suid (bool | Unset): The set-user-id bits of programs in it count. Default: False.
    """

    path: str
    size_bytes: int | Unset = UNSET
    mode: str | Unset = "1777"
    uid: int | Unset = 0
    gid: int | Unset = 0
    read_only: bool | Unset = False
    exec_: bool | Unset = False
    suid: bool | Unset = False
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        path = self.path

        size_bytes = self.size_bytes

        mode = self.mode

        uid = self.uid

        gid = self.gid

        read_only = self.read_only

        exec_ = self.exec_

        suid = self.suid

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "path": path,
            }
        )
        if size_bytes is not UNSET:
            field_dict["sizeBytes"] = size_bytes
        if mode is not UNSET:
            field_dict["mode"] = mode
        if uid is not UNSET:
            field_dict["uid"] = uid
        if gid is not UNSET:
            field_dict["gid"] = gid
        if read_only is not UNSET:
            field_dict["readOnly"] = read_only
        if exec_ is not UNSET:
            field_dict["exec"] = exec_
        if suid is not UNSET:
            field_dict["suid"] = suid

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        path = d.pop("path")

        size_bytes = d.pop("sizeBytes", UNSET)

        mode = d.pop("mode", UNSET)

        uid = d.pop("uid", UNSET)

        gid = d.pop("gid", UNSET)

        read_only = d.pop("readOnly", UNSET)

        exec_ = d.pop("exec", UNSET)

        suid = d.pop("suid", UNSET)

        tmpfs = cls(
            path=path,
            size_bytes=size_bytes,
            mode=mode,
            uid=uid,
            gid=gid,
            read_only=read_only,
            exec_=exec_,
            suid=suid,
        )

        tmpfs.additional_properties = d
        return tmpfs

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
