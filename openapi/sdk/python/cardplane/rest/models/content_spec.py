from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.content_spec_labels import ContentSpecLabels


T = TypeVar("T", bound="ContentSpec")


@_attrs_define
class ContentSpec:
    """
    Attributes:
        name (str):
        data (str): In base64; at most 512 KiB.
        labels (ContentSpecLabels | Unset):
    """

    name: str
    data: str
    labels: ContentSpecLabels | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        data = self.data

        labels: dict[str, Any] | Unset = UNSET
        if not isinstance(self.labels, Unset):
            labels = self.labels.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "data": data,
            }
        )
        if labels is not UNSET:
            field_dict["labels"] = labels

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.content_spec_labels import ContentSpecLabels  # noqa: PLC0415

        d = dict(src_dict)
        name = d.pop("name")

        data = d.pop("data")

        _labels = d.pop("labels", UNSET)
        labels: ContentSpecLabels | Unset
        if isinstance(_labels, Unset):
            labels = UNSET
        else:
            labels = ContentSpecLabels.from_dict(_labels)

        content_spec = cls(
            name=name,
            data=data,
            labels=labels,
        )

        content_spec.additional_properties = d
        return content_spec

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
