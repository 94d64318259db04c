from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="NetworkStats")


@_attrs_define
class NetworkStats:
    """
    Attributes:
        name (str): The interface in the container.
        received_bytes (int):
        received_packets (int):
        sent_bytes (int):
        sent_packets (int):
    """

    name: str
    received_bytes: int
    received_packets: int
    sent_bytes: int
    sent_packets: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        received_bytes = self.received_bytes

        received_packets = self.received_packets

        sent_bytes = self.sent_bytes

        sent_packets = self.sent_packets

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "receivedBytes": received_bytes,
                "receivedPackets": received_packets,
                "sentBytes": sent_bytes,
                "sentPackets": sent_packets,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        received_bytes = d.pop("receivedBytes")

        received_packets = d.pop("receivedPackets")

        sent_bytes = d.pop("sentBytes")

        sent_packets = d.pop("sentPackets")

        network_stats = cls(
            name=name,
            received_bytes=received_bytes,
            received_packets=received_packets,
            sent_bytes=sent_bytes,
            sent_packets=sent_packets,
        )

        network_stats.additional_properties = d
        return network_stats

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
