from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.network_mode import NetworkMode
from ..types import UNSET, Unset

T = TypeVar("T", bound="HostVersion")


@_attrs_define
class HostVersion:
    """
    Attributes:
        reachable (bool): Whether vmmd answers over the link.
        version (str | Unset): Of vmmd.
        vmm (str | Unset): The VMM that new VMs get: cloud-hypervisor or ch-qemu.
        networks (NetworkMode | Unset): Who carries a network. host: the compute host's kernel. user: the card's own
            process, where the host can have no networks; ports are published on the card's machine then. A network that is
            in use stays in its mode.
        detail (str | Unset): Why the host cannot be reached.
    """

    reachable: bool
    version: str | Unset = UNSET
    vmm: str | Unset = UNSET
    networks: NetworkMode | Unset = UNSET
    detail: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        reachable = self.reachable

        version = self.version

        vmm = self.vmm

        networks: str | Unset = UNSET
        if not isinstance(self.networks, Unset):
            networks = self.networks.value

        detail = self.detail

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "reachable": reachable,
            }
        )
        if version is not UNSET:
            field_dict["version"] = version
        if vmm is not UNSET:
            field_dict["vmm"] = vmm
        if networks is not UNSET:
            field_dict["networks"] = networks
        if detail is not UNSET:
            field_dict["detail"] = detail

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        reachable = d.pop("reachable")

        version = d.pop("version", UNSET)

        vmm = d.pop("vmm", UNSET)

        _networks = d.pop("networks", UNSET)
        networks: NetworkMode | Unset
        if isinstance(_networks, Unset):
            networks = UNSET
        else:
            networks = NetworkMode(_networks)

        detail = d.pop("detail", UNSET)

        host_version = cls(
            reachable=reachable,
            version=version,
            vmm=vmm,
            networks=networks,
            detail=detail,
        )

        host_version.additional_properties = d
        return host_version

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
