from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="SandboxResources")


@_attrs_define
class SandboxResources:
    """The size of its VM.

    Attributes:
        vcpus (int | Unset): Virtual CPUs. Default 1.
        memory_bytes (int | Unset): Memory, the guest's kernel included. Rounded up to 1 MiB. Default 256 MiB.
        huge_pages (bool | Unset): As of a container. Default: False.
        cpuset (str | Unset): As of a container.
    """

    vcpus: int | Unset = UNSET
    memory_bytes: int | Unset = UNSET
    huge_pages: bool | Unset = False
    cpuset: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        vcpus = self.vcpus

        memory_bytes = self.memory_bytes

        huge_pages = self.huge_pages

        cpuset = self.cpuset

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if vcpus is not UNSET:
            field_dict["vcpus"] = vcpus
        if memory_bytes is not UNSET:
            field_dict["memoryBytes"] = memory_bytes
        if huge_pages is not UNSET:
            field_dict["hugePages"] = huge_pages
        if cpuset is not UNSET:
            field_dict["cpuset"] = cpuset

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        vcpus = d.pop("vcpus", UNSET)

        memory_bytes = d.pop("memoryBytes", UNSET)

        huge_pages = d.pop("hugePages", UNSET)

        cpuset = d.pop("cpuset", UNSET)

        sandbox_resources = cls(
            vcpus=vcpus,
            memory_bytes=memory_bytes,
            huge_pages=huge_pages,
            cpuset=cpuset,
        )

        sandbox_resources.additional_properties = d
        return sandbox_resources

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
