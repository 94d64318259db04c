from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.network_spec_labels import NetworkSpecLabels
    from ..models.subnet import Subnet


T = TypeVar("T", bound="NetworkSpec")


@_attrs_define
class NetworkSpec:
    """
    Attributes:
        name (str | Unset): Made up when it is left out.
        subnets (list[Subnet] | Unset): An IPv4 subnet is chosen when none is given.
        ipv6 (bool | Unset): Choose an IPv6 subnet too where none is given. Default: False.
        mtu (int | Unset): In bytes. In user mode, where no wire bounds it, one of 1500 counts as 16384, and 65514 is
            the most. Default: 1500.
        internal (bool | Unset): Nothing leads out of it, and names from elsewhere are not found. Default: False.
        isolated (bool | Unset): Its containers do not reach each other. Default: False.
        labels (NetworkSpecLabels | Unset):
    """

    name: str | Unset = UNSET
    subnets: list[Subnet] | Unset = UNSET
    ipv6: bool | Unset = False
    mtu: int | Unset = 1500
    internal: bool | Unset = False
    isolated: bool | Unset = False
    labels: NetworkSpecLabels | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        subnets: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.subnets, Unset):
            subnets = []
            for subnets_item_data in self.subnets:
                subnets_item = subnets_item_data.to_dict()
                subnets.append(subnets_item)

        ipv6 = self.ipv6

        mtu = self.mtu

        internal = self.internal

        isolated = self.isolated

        labels: dict[str, Any] | Unset = UNSET
        if not isinstance(self.labels, Unset):
            labels = self.labels.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if name is not UNSET:
            field_dict["name"] = name
        if subnets is not UNSET:
            field_dict["subnets"] = subnets
        if ipv6 is not UNSET:
            field_dict["ipv6"] = ipv6
        if mtu is not UNSET:
            field_dict["mtu"] = mtu
        if internal is not UNSET:
            field_dict["internal"] = internal
        if isolated is not UNSET:
            field_dict["isolated"] = isolated
        if labels is not UNSET:
            field_dict["labels"] = labels

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.network_spec_labels import NetworkSpecLabels  # noqa: PLC0415
        from ..models.subnet import Subnet  # noqa: PLC0415

        d = dict(src_dict)
        name = d.pop("name", UNSET)

        _subnets = d.pop("subnets", UNSET)
        subnets: list[Subnet] | Unset = UNSET
        if _subnets is not UNSET:
            subnets = []
            for subnets_item_data in _subnets:
                subnets_item = Subnet.from_dict(subnets_item_data)

                subnets.append(subnets_item)

        ipv6 = d.pop("ipv6", UNSET)

        mtu = d.pop("mtu", UNSET)

        internal = d.pop("internal", UNSET)

        isolated = d.pop("isolated", UNSET)

        _labels = d.pop("labels", UNSET)
        labels: NetworkSpecLabels | Unset
        if isinstance(_labels, Unset):
            labels = UNSET
        else:
            labels = NetworkSpecLabels.from_dict(_labels)

        network_spec = cls(
            name=name,
            subnets=subnets,
            ipv6=ipv6,
            mtu=mtu,
            internal=internal,
            isolated=isolated,
            labels=labels,
        )

        network_spec.additional_properties = d
        return network_spec

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
