from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.published_port_protocol import PublishedPortProtocol
from ..types import UNSET, Unset

T = TypeVar("T", bound="PublishedPort")


@_attrs_define
class PublishedPort:
    """
    Attributes:
        container_port (int):
        host_address (str | Unset): An address of the compute host, such as 127.0.0.1; all IPv4 addresses when absent.
            Where networks are in user mode, it is one of the card's machine.
        host_port (int | Unset): One that is free when absent.
        protocol (PublishedPortProtocol | Unset): What is carried. Default: PublishedPortProtocol.PORT_TCP.
    """

    container_port: int
    host_address: str | Unset = UNSET
    host_port: int | Unset = UNSET
    protocol: PublishedPortProtocol | Unset = PublishedPortProtocol.PORT_TCP
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        container_port = self.container_port

        host_address = self.host_address

        host_port = self.host_port

        protocol: str | Unset = UNSET
        if not isinstance(self.protocol, Unset):
            protocol = self.protocol.value

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "containerPort": container_port,
            }
        )
        if host_address is not UNSET:
            field_dict["hostAddress"] = host_address
        if host_port is not UNSET:
            field_dict["hostPort"] = host_port
        if protocol is not UNSET:
            field_dict["protocol"] = protocol

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        container_port = d.pop("containerPort")

        host_address = d.pop("hostAddress", UNSET)

        host_port = d.pop("hostPort", UNSET)

        _protocol = d.pop("protocol", UNSET)
        protocol: PublishedPortProtocol | Unset
        if isinstance(_protocol, Unset):
            protocol = UNSET
        else:
            protocol = PublishedPortProtocol(_protocol)

        published_port = cls(
            container_port=container_port,
            host_address=host_address,
            host_port=host_port,
            protocol=protocol,
        )

        published_port.additional_properties = d
        return published_port

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
