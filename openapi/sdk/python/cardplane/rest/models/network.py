from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.network_labels import NetworkLabels
    from ..models.subnet import Subnet


T = TypeVar("T", bound="Network")


@_attrs_define
class Network:
    """
    Example:
        {'id': '5d1c9d2e7b1a4c5d8e6f7a8b9c0d1e2f', 'name': 'back', 'subnets': [{'prefix': '10.5.0.0/24', 'gateway':
            '10.5.0.1'}], 'mtu': 1500, 'internal': True, 'isolated': False, 'labels': {'tier': 'db'}, 'createdAt':
            '2026-01-02T15:04:05Z'}

    Attributes:
        id (str): Another for every network that is made under a name.
        name (str):
        subnets (list[Subnet]):
        mtu (int):
        internal (bool): Nothing leads out of it.
        isolated (bool): Its containers do not reach each other.
        created_at (datetime.datetime):
        labels (NetworkLabels | Unset):
    """

    id: str
    name: str
    subnets: list[Subnet]
    mtu: int
    internal: bool
    isolated: bool
    created_at: datetime.datetime
    labels: NetworkLabels | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        name = self.name

        subnets = []
        for subnets_item_data in self.subnets:
            subnets_item = subnets_item_data.to_dict()
            subnets.append(subnets_item)

        mtu = self.mtu

        internal = self.internal

        isolated = self.isolated

        created_at = self.created_at.isoformat()

        labels: dict[str, Any] | Unset = UNSET
        if not isinstance(self.labels, Unset):
            labels = self.labels.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "subnets": subnets,
                "mtu": mtu,
                "internal": internal,
                "isolated": isolated,
                "createdAt": created_at,
            }
        )
        if labels is not UNSET:
            field_dict["labels"] = labels

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.network_labels import NetworkLabels  # noqa: PLC0415
        from ..models.subnet import Subnet  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        name = d.pop("name")

        subnets = []
        _subnets = d.pop("subnets")
        for subnets_item_data in _subnets:
            subnets_item = Subnet.from_dict(subnets_item_data)

            subnets.append(subnets_item)

        mtu = d.pop("mtu")

        internal = d.pop("internal")

        isolated = d.pop("isolated")

        created_at = datetime.datetime.fromisoformat(d.pop("createdAt"))

        _labels = d.pop("labels", UNSET)
        labels: NetworkLabels | Unset
        if isinstance(_labels, Unset):
            labels = UNSET
        else:
            labels = NetworkLabels.from_dict(_labels)

        network = cls(
            id=id,
            name=name,
            subnets=subnets,
            mtu=mtu,
            internal=internal,
            isolated=isolated,
            created_at=created_at,
            labels=labels,
        )

        network.additional_properties = d
        return network

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
