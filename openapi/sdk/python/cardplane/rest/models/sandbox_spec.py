from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.nic import Nic
    from ..models.published_port import PublishedPort
    from ..models.sandbox_resources import SandboxResources
    from ..models.sandbox_spec_labels import SandboxSpecLabels


T = TypeVar("T", bound="SandboxSpec")


@_attrs_define
class SandboxSpec:
    """
    Attributes:
        name (str | Unset): Unique. Made up when it is left out.
        labels (SandboxSpecLabels | Unset):
        resources (SandboxResources | Unset): The size of its VM.
        networks (list[Nic] | Unset): The first one leads out. When absent the network `default`, or none where there
            can be no networks. An empty list is none.
        ports (list[PublishedPort] | Unset): Published on the compute host, over the first network, while its VM runs.
    """

    name: str | Unset = UNSET
    labels: SandboxSpecLabels | Unset = UNSET
    resources: SandboxResources | Unset = UNSET
    networks: list[Nic] | Unset = UNSET
    ports: list[PublishedPort] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        labels: dict[str, Any] | Unset = UNSET
        if not isinstance(self.labels, Unset):
            labels = self.labels.to_dict()

        resources: dict[str, Any] | Unset = UNSET
        if not isinstance(self.resources, Unset):
            resources = self.resources.to_dict()

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

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if name is not UNSET:
            field_dict["name"] = name
        if labels is not UNSET:
            field_dict["labels"] = labels
        if resources is not UNSET:
            field_dict["resources"] = resources
        if networks is not UNSET:
            field_dict["networks"] = networks
        if ports is not UNSET:
            field_dict["ports"] = ports

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.nic import Nic  # noqa: PLC0415
        from ..models.published_port import PublishedPort  # noqa: PLC0415
        from ..models.sandbox_resources import SandboxResources  # noqa: PLC0415
        from ..models.sandbox_spec_labels import SandboxSpecLabels  # noqa: PLC0415

        d = dict(src_dict)
        name = d.pop("name", UNSET)

        _labels = d.pop("labels", UNSET)
        labels: SandboxSpecLabels | Unset
        if isinstance(_labels, Unset):
            labels = UNSET
        else:
            labels = SandboxSpecLabels.from_dict(_labels)

        _resources = d.pop("resources", UNSET)
        resources: SandboxResources | Unset
        if isinstance(_resources, Unset):
            resources = UNSET
        else:
            resources = SandboxResources.from_dict(_resources)

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

        sandbox_spec = cls(
            name=name,
            labels=labels,
            resources=resources,
            networks=networks,
            ports=ports,
        )

        sandbox_spec.additional_properties = d
        return sandbox_spec

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
