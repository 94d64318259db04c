from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="ContentMount")


@_attrs_define
class ContentMount:
    """A config or a secret as a file of a container, read-only and in memory.

    Attributes:
        name (str): The config's or the secret's name.
        path (str | Unset): Where it is; `/NAME` for a config and `/run/secrets/NAME` for a secret when
            absent. Below `/run/secrets` and `/run/configs`, which are directories in
            memory, the file itself is there. Elsewhere there is a symbolic link to it,
            in place of a file that the image may have there.
        mode (str | Unset): Permissions, octal; 0444 for a config and 0400 for a secret when absent.
        uid (int | Unset): Owner; the user of the first process when absent.
        gid (int | Unset): Group; that of the first process when absent.
    """

    name: str
    path: str | Unset = UNSET
    mode: str | Unset = UNSET
    uid: int | Unset = UNSET
    gid: int | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        path = self.path

        mode = self.mode

        uid = self.uid

        gid = self.gid

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
            }
        )
        if path is not UNSET:
            field_dict["path"] = path
        if mode is not UNSET:
            field_dict["mode"] = mode
        if uid is not UNSET:
            field_dict["uid"] = uid
        if gid is not UNSET:
            field_dict["gid"] = gid

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        path = d.pop("path", UNSET)

        mode = d.pop("mode", UNSET)

        uid = d.pop("uid", UNSET)

        gid = d.pop("gid", UNSET)

        content_mount = cls(
            name=name,
            path=path,
            mode=mode,
            uid=uid,
            gid=gid,
        )

        content_mount.additional_properties = d
        return content_mount

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
