from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="ResourcesUpdate")


@_attrs_define
class ResourcesUpdate:
    """
    Attributes:
        vcpus (int | Unset):
        memory_bytes (int | Unset): At least 64 MiB, in a sandbox 6 MiB.
        pids_limit (int | Unset): 0 is without a limit.
    """

    vcpus: int | Unset = UNSET
    memory_bytes: int | Unset = UNSET
    pids_limit: int | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        vcpus = self.vcpus

        memory_bytes = self.memory_bytes

        pids_limit = self.pids_limit

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if vcpus is not UNSET:
            field_dict["vcpus"] = vcpus
        if memory_bytes is not UNSET:
            field_dict["memoryBytes"] = memory_bytes
        if pids_limit is not UNSET:
            field_dict["pidsLimit"] = pids_limit

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        vcpus = d.pop("vcpus", UNSET)

        memory_bytes = d.pop("memoryBytes", UNSET)

        pids_limit = d.pop("pidsLimit", UNSET)

        resources_update = cls(
            vcpus=vcpus,
            memory_bytes=memory_bytes,
            pids_limit=pids_limit,
        )

        resources_update.additional_properties = d
        return resources_update

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
