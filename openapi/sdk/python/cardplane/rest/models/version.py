from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.host_version import HostVersion


T = TypeVar("T", bound="Version")


@_attrs_define
class Version:
    """
    Attributes:
        version (str): Of cardplaned.
        api_version (str): Of this document.
        go_version (str):
        epoch (int): How often this control plane has been started on its store. Guests refuse commands of an older
            epoch.
        host (HostVersion):
        guest_kernel (str | Unset): Release of the kernel that VMs boot.
    """

    version: str
    api_version: str
    go_version: str
    epoch: int
    host: HostVersion
    guest_kernel: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        version = self.version

        api_version = self.api_version

        go_version = self.go_version

        epoch = self.epoch

        host = self.host.to_dict()

        guest_kernel = self.guest_kernel

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "version": version,
                "apiVersion": api_version,
                "goVersion": go_version,
                "epoch": epoch,
                "host": host,
            }
        )
        if guest_kernel is not UNSET:
            field_dict["guestKernel"] = guest_kernel

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.host_version import HostVersion  # noqa: PLC0415

        d = dict(src_dict)
        version = d.pop("version")

        api_version = d.pop("apiVersion")

        go_version = d.pop("goVersion")

        epoch = d.pop("epoch")

        host = HostVersion.from_dict(d.pop("host"))

        guest_kernel = d.pop("guestKernel", UNSET)

        version = cls(
            version=version,
            api_version=api_version,
            go_version=go_version,
            epoch=epoch,
            host=host,
            guest_kernel=guest_kernel,
        )

        version.additional_properties = d
        return version

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
