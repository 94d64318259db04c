from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
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
    """

    name: str | Unset = UNSET
    labels: SandboxSpecLabels | Unset = UNSET
    resources: SandboxResources | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        labels: dict[str, Any] | Unset = UNSET
        if not isinstance(self.labels, Unset):
            labels = self.labels.to_dict()

        resources: dict[str, Any] | Unset = UNSET
        if not isinstance(self.resources, Unset):
            resources = self.resources.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if name is not UNSET:
            field_dict["name"] = name
        if labels is not UNSET:
            field_dict["labels"] = labels
        if resources is not UNSET:
            field_dict["resources"] = resources

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
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

        sandbox_spec = cls(
            name=name,
            labels=labels,
            resources=resources,
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
