from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.sandbox_state import SandboxState
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.interface import Interface
    from ..models.nic import Nic
    from ..models.published_port import PublishedPort
    from ..models.sandbox_container import SandboxContainer
    from ..models.sandbox_labels import SandboxLabels
    from ..models.sandbox_resources import SandboxResources


T = TypeVar("T", bound="Sandbox")


@_attrs_define
class Sandbox:
    """
    Example:
        {'id': '5d1f0a7c3b2e49d8a6c4e8f20b91d3a7', 'name': 'shop', 'labels': {'tier': 'front'}, 'resources': {'vcpus':
            2, 'memoryBytes': 536870912}, 'state': 'running', 'containers': [{'id': '3f2b8c1d9e4a5f60718293a4b5c6d7e8',
            'name': 'web-1', 'state': 'running'}], 'createdAt': '2026-01-02T15:04:05Z'}

    Attributes:
        id (str): 32 hexadecimal digits.
        name (str): Also the host name of its containers.
        resources (SandboxResources): The size of its VM.
        state (SandboxState): idle: none of its containers runs, and it takes nothing of the compute host. starting: all
            of those that are active are starting. running: its VM runs a program.
        containers (list[SandboxContainer]): Those that name it.
        created_at (datetime.datetime):
        labels (SandboxLabels | Unset):
        networks (list[Nic] | Unset): As asked for.
        ports (list[PublishedPort] | Unset): As asked for.
        interfaces (list[Interface] | Unset): Of its VM, none while it is idle.
        published_ports (list[PublishedPort] | Unset): As they are on the compute host, none while it is idle.
        network_reason (str | Unset): Why there are no interfaces although none were declined, or why they are in user
            mode.
    """

    id: str
    name: str
    resources: SandboxResources
    state: SandboxState
    containers: list[SandboxContainer]
    created_at: datetime.datetime
    labels: SandboxLabels | Unset = UNSET
    networks: list[Nic] | Unset = UNSET
    ports: list[PublishedPort] | Unset = UNSET
    interfaces: list[Interface] | Unset = UNSET
    published_ports: list[PublishedPort] | Unset = UNSET
    network_reason: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        name = self.name

        resources = self.resources.to_dict()

        state = self.state.value

        containers = []
        for containers_item_data in self.containers:
            containers_item = containers_item_data.to_dict()
            containers.append(containers_item)

        created_at = self.created_at.isoformat()

        labels: dict[str, Any] | Unset = UNSET
        if not isinstance(self.labels, Unset):
            labels = self.labels.to_dict()

        networks: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.networks, Unset):
            networks = []
            for networks_item_data in self.networks:
                networks_item = networks_item_data.to_dict()
                networks.append(networks_item)

        ports: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.ports, Unset):
            ports = []
            for ports_item_data in self.ports:
                ports_item = ports_item_data.to_dict()
                ports.append(ports_item)

        interfaces: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.interfaces, Unset):
            interfaces = []
            for interfaces_item_data in self.interfaces:
                interfaces_item = interfaces_item_data.to_dict()
                interfaces.append(interfaces_item)

        published_ports: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.published_ports, Unset):
            published_ports = []
            for published_ports_item_data in self.published_ports:
                published_ports_item = published_ports_item_data.to_dict()
                published_ports.append(published_ports_item)

        network_reason = self.network_reason

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "resources": resources,
                "state": state,
                "containers": containers,
                "createdAt": created_at,
            }
        )
        if labels is not UNSET:
            field_dict["labels"] = labels
        if networks is not UNSET:
            field_dict["networks"] = networks
        if ports is not UNSET:
            field_dict["ports"] = ports
        if interfaces is not UNSET:
            field_dict["interfaces"] = interfaces
        if published_ports is not UNSET:
            field_dict["publishedPorts"] = published_ports
        if network_reason is not UNSET:
            field_dict["networkReason"] = network_reason

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.interface import Interface  # noqa: PLC0415
        from ..models.nic import Nic  # noqa: PLC0415
        from ..models.published_port import PublishedPort  # noqa: PLC0415
        from ..models.sandbox_container import SandboxContainer  # noqa: PLC0415
        from ..models.sandbox_labels import SandboxLabels  # noqa: PLC0415
        from ..models.sandbox_resources import SandboxResources  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        name = d.pop("name")

        resources = SandboxResources.from_dict(d.pop("resources"))

        state = SandboxState(d.pop("state"))

        containers = []
        _containers = d.pop("containers")
        for containers_item_data in _containers:
            containers_item = SandboxContainer.from_dict(containers_item_data)

            containers.append(containers_item)

        created_at = datetime.datetime.fromisoformat(d.pop("createdAt"))

        _labels = d.pop("labels", UNSET)
        labels: SandboxLabels | Unset
        if isinstance(_labels, Unset):
            labels = UNSET
        else:
            labels = SandboxLabels.from_dict(_labels)

        _networks = d.pop("networks", UNSET)
        networks: list[Nic] | Unset = UNSET
        if _networks is not UNSET:
            networks = []
            for networks_item_data in _networks:
                networks_item = Nic.from_dict(networks_item_data)

                networks.append(networks_item)

        _ports = d.pop("ports", UNSET)
        ports: list[PublishedPort] | Unset = UNSET
        if _ports is not UNSET:
            ports = []
            for ports_item_data in _ports:
                ports_item = PublishedPort.from_dict(ports_item_data)

                ports.append(ports_item)

        _interfaces = d.pop("interfaces", UNSET)
        interfaces: list[Interface] | Unset = UNSET
        if _interfaces is not UNSET:
            interfaces = []
            for interfaces_item_data in _interfaces:
                interfaces_item = Interface.from_dict(interfaces_item_data)

                interfaces.append(interfaces_item)

        _published_ports = d.pop("publishedPorts", UNSET)
        published_ports: list[PublishedPort] | Unset = UNSET
        if _published_ports is not UNSET:
            published_ports = []
            for published_ports_item_data in _published_ports:
                published_ports_item = PublishedPort.from_dict(published_ports_item_data)

                published_ports.append(published_ports_item)

        network_reason = d.pop("networkReason", UNSET)

        sandbox = cls(
            id=id,
            name=name,
            resources=resources,
            state=state,
            containers=containers,
            created_at=created_at,
            labels=labels,
            networks=networks,
            ports=ports,
            interfaces=interfaces,
            published_ports=published_ports,
            network_reason=network_reason,
        )

        sandbox.additional_properties = d
        return sandbox

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
