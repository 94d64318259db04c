from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.container_update_labels import ContainerUpdateLabels
    from ..models.resources_update import ResourcesUpdate
    from ..models.restart_policy import RestartPolicy


T = TypeVar("T", bound="ContainerUpdate")


@_attrs_define
class ContainerUpdate:
    """
    Attributes:
        labels (ContainerUpdateLabels | Unset): Labels to set; those that are null are removed.
        restart_policy (RestartPolicy | Unset): Whether the container is started again after its end, with pauses that
            double from 100 ms to a minute until a run lasts for 10 s. One that was
            stopped, or killed with SIGKILL or its stop signal, is not. A first
            start that fails is not repeated.
        resources (ResourcesUpdate | Unset):
    """

    labels: ContainerUpdateLabels | Unset = UNSET
    restart_policy: RestartPolicy | Unset = UNSET
    resources: ResourcesUpdate | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        labels: dict[str, Any] | Unset = UNSET
        if not isinstance(self.labels, Unset):
            labels = self.labels.to_dict()

        restart_policy: dict[str, Any] | Unset = UNSET
        if not isinstance(self.restart_policy, Unset):
            restart_policy = self.restart_policy.to_dict()

        resources: dict[str, Any] | Unset = UNSET
        if not isinstance(self.resources, Unset):
            resources = self.resources.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if labels is not UNSET:
            field_dict["labels"] = labels
        if restart_policy is not UNSET:
            field_dict["restartPolicy"] = restart_policy
        if resources is not UNSET:
            field_dict["resources"] = resources

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.container_update_labels import ContainerUpdateLabels  # noqa: PLC0415
        from ..models.resources_update import ResourcesUpdate  # noqa: PLC0415
        from ..models.restart_policy import RestartPolicy  # noqa: PLC0415

        d = dict(src_dict)
        _labels = d.pop("labels", UNSET)
        labels: ContainerUpdateLabels | Unset
        if isinstance(_labels, Unset):
            labels = UNSET
        else:
            labels = ContainerUpdateLabels.from_dict(_labels)

        _restart_policy = d.pop("restartPolicy", UNSET)
        restart_policy: RestartPolicy | Unset
        if isinstance(_restart_policy, Unset):
            restart_policy = UNSET
        else:
            restart_policy = RestartPolicy.from_dict(_restart_policy)

        _resources = d.pop("resources", UNSET)
        resources: ResourcesUpdate | Unset
        if isinstance(_resources, Unset):
            resources = UNSET
        else:
            resources = ResourcesUpdate.from_dict(_resources)

        container_update = cls(
            labels=labels,
            restart_policy=restart_policy,
            resources=resources,
        )

        container_update.additional_properties = d
        return container_update

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
