from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="GuestInfo")


@_attrs_define
class GuestInfo:
    """The VM of the present or last run.

    Attributes:
        kernel (str): Kernel release in the guest.
        boot_id (str): The guest kernel's boot id.
        vmm (str): The VMM that runs the VM.
        agent_version (str | Unset):
    """

    kernel: str
    boot_id: str
    vmm: str
    agent_version: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        kernel = self.kernel

        boot_id = self.boot_id

        vmm = self.vmm

        agent_version = self.agent_version

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "kernel": kernel,
                "bootId": boot_id,
                "vmm": vmm,
            }
        )
        if agent_version is not UNSET:
            field_dict["agentVersion"] = agent_version

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        kernel = d.pop("kernel")

        boot_id = d.pop("bootId")

        vmm = d.pop("vmm")

        agent_version = d.pop("agentVersion", UNSET)

        guest_info = cls(
            kernel=kernel,
            boot_id=boot_id,
            vmm=vmm,
            agent_version=agent_version,
        )

        guest_info.additional_properties = d
        return guest_info

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
