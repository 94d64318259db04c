from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Nic")


@_attrs_define
class Nic:
    """
    Attributes:
        network (str): The network's name.
        aliases (list[str] | Unset): Further names on the network, beside the container's name and the first 12 digits
            of its id.
        addresses (list[str] | Unset): Fixed addresses, one of a subnet at most; chosen when absent.
        mac (str | Unset): Unicast; made of the address when absent.
        receive_bytes_per_second (int | Unset): What it receives at most; 0 is without a limit.
        send_bytes_per_second (int | Unset): What it sends at most; 0 is without a limit.
    """

    network: str
    aliases: list[str] | Unset = UNSET
    addresses: list[str] | Unset = UNSET
    mac: str | Unset = UNSET
    receive_bytes_per_second: int | Unset = UNSET
    send_bytes_per_second: int | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        network = self.network

        aliases: list[str] | Unset = UNSET
        if not isinstance(self.aliases, Unset):
            aliases = self.aliases

        addresses: list[str] | Unset = UNSET
        if not isinstance(self.addresses, Unset):
            addresses = self.addresses

        mac = self.mac

        receive_bytes_per_second = self.receive_bytes_per_second

        send_bytes_per_second = self.send_bytes_per_second

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "network": network,
            }
        )
        if aliases is not UNSET:
            field_dict["aliases"] = aliases
        if addresses is not UNSET:
            field_dict["addresses"] = addresses
        if mac is not UNSET:
            field_dict["mac"] = mac
        if receive_bytes_per_second is not UNSET:
            field_dict["receiveBytesPerSecond"] = receive_bytes_per_second
        if send_bytes_per_second is not UNSET:
            field_dict["sendBytesPerSecond"] = send_bytes_per_second

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        network = d.pop("network")

        aliases = cast(list[str], d.pop("aliases", UNSET))

        addresses = cast(list[str], d.pop("addresses", UNSET))

        mac = d.pop("mac", UNSET)

        receive_bytes_per_second = d.pop("receiveBytesPerSecond", UNSET)

        send_bytes_per_second = d.pop("sendBytesPerSecond", UNSET)

        nic = cls(
            network=network,
            aliases=aliases,
            addresses=addresses,
            mac=mac,
            receive_bytes_per_second=receive_bytes_per_second,
            send_bytes_per_second=send_bytes_per_second,
        )

        nic.additional_properties = d
        return nic

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
