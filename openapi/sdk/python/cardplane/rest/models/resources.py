from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Resources")


@_attrs_define
class Resources:
    """
    Attributes:
        vcpus (int | Unset): Virtual CPUs of the VM. Default 1.
        memory_bytes (int | Unset): Memory of the VM, the guest's kernel included, at least 64 MiB. Rounded up to 1 MiB.
            Default 256 MiB. In a sandbox: the most that the container may use, at least 6 MiB; no limit when absent.
        huge_pages (bool | Unset): Back the VM's memory by huge pages of the compute host, which must have enough free;
            the memory is rounded up to 2 MiB. Default: False.
        cpuset (str | Unset): CPUs of the compute host that the virtual CPUs may run on: numbers and ranges, such as
            0-3,8. Default: all.
        storage_bytes (int | Unset): Size limit of the writable layer. Default 10 GiB, sparse.
        pids_limit (int | Unset): How many processes and threads the container may have; 0 is without a limit. Default
            0.
    """

    vcpus: int | Unset = UNSET
    memory_bytes: int | Unset = UNSET
    huge_pages: bool | Unset = False
    cpuset: str | Unset = UNSET
    storage_bytes: int | Unset = UNSET
    pids_limit: int | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        vcpus = self.vcpus

        memory_bytes = self.memory_bytes

        huge_pages = self.huge_pages

        cpuset = self.cpuset

        storage_bytes = self.storage_bytes

        pids_limit = self.pids_limit

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
        if storage_bytes is not UNSET:
            field_dict["storageBytes"] = storage_bytes
        if pids_limit is not UNSET:
            field_dict["pidsLimit"] = pids_limit

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        vcpus = d.pop("vcpus", UNSET)

        memory_bytes = d.pop("memoryBytes", UNSET)

        huge_pages = d.pop("hugePages", UNSET)

        cpuset = d.pop("cpuset", UNSET)

        storage_bytes = d.pop("storageBytes", UNSET)

        pids_limit = d.pop("pidsLimit", UNSET)

        resources = cls(
            vcpus=vcpus,
            memory_bytes=memory_bytes,
            huge_pages=huge_pages,
            cpuset=cpuset,
            storage_bytes=storage_bytes,
            pids_limit=pids_limit,
        )

        resources.additional_properties = d
        return resources

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
