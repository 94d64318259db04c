from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.network_mode import NetworkMode
from ..types import UNSET, Unset

T = TypeVar("T", bound="Interface")


@_attrs_define
class Interface:
    """An interface of the present or last run.

    Example:
        {'network': 'default', 'networkId': '5d1c9d2e7b1a4c5d8e6f7a8b9c0d1e2f', 'name': 'eth0', 'mac':
            '02:63:0a:58:00:02', 'addresses': ['10.88.0.2/24'], 'gateways': ['10.88.0.1'], 'mtu': 1500, 'mode': 'host'}

    Attributes:
        network (str): The network's name.
        network_id (str):
        name (str): In the container.
        mac (str):
        addresses (list[str]): Each with the length of its subnet's prefix.
        gateways (list[str]):
        mtu (int):
        mode (NetworkMode): Who carries a network. host: the compute host's kernel. user: the card's own process, where
            the host can have no networks; ports are published on the card's machine then. A network that is in use stays in
            its mode.
        aliases (list[str] | Unset):
        receive_bytes_per_second (int | Unset):
        send_bytes_per_second (int | Unset):
    """

    network: str
    network_id: str
    name: str
    mac: str
    addresses: list[str]
    gateways: list[str]
    mtu: int
    mode: NetworkMode
    aliases: list[str] | Unset = UNSET
    receive_bytes_per_second: int | Unset = UNSET
    send_bytes_per_second: int | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        network = self.network

        network_id = self.network_id

        name = self.name

        mac = self.mac

        addresses = self.addresses

        gateways = self.gateways

        mtu = self.mtu

        mode = self.mode.value

        aliases: list[str] | Unset = UNSET
        if not isinstance(self.aliases, Unset):
            aliases = self.aliases

        receive_bytes_per_second = self.receive_bytes_per_second

        send_bytes_per_second = self.send_bytes_per_second

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "network": network,
                "networkId": network_id,
                "name": name,
                "mac": mac,
                "addresses": addresses,
                "gateways": gateways,
                "mtu": mtu,
                "mode": mode,
            }
        )
        if aliases is not UNSET:
            field_dict["aliases"] = aliases
        if receive_bytes_per_second is not UNSET:
            field_dict["receiveBytesPerSecond"] = receive_bytes_per_second
        if send_bytes_per_second is not UNSET:
            field_dict["sendBytesPerSecond"] = send_bytes_per_second

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        network = d.pop("network")

        network_id = d.pop("networkId")

        name = d.pop("name")

        mac = d.pop("mac")

        addresses = cast(list[str], d.pop("addresses"))

        gateways = cast(list[str], d.pop("gateways"))

        mtu = d.pop("mtu")

        mode = NetworkMode(d.pop("mode"))

        aliases = cast(list[str], d.pop("aliases", UNSET))

        receive_bytes_per_second = d.pop("receiveBytesPerSecond", UNSET)

        send_bytes_per_second = d.pop("sendBytesPerSecond", UNSET)

        interface = cls(
            network=network,
            network_id=network_id,
            name=name,
            mac=mac,
            addresses=addresses,
            gateways=gateways,
            mtu=mtu,
            mode=mode,
            aliases=aliases,
            receive_bytes_per_second=receive_bytes_per_second,
            send_bytes_per_second=send_bytes_per_second,
        )

        interface.additional_properties = d
        return interface

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
