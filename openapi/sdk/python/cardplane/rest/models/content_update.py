from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.content_update_labels import ContentUpdateLabels


T = TypeVar("T", bound="ContentUpdate")


@_attrs_define
class ContentUpdate:
    """
    Attributes:
        data (str | Unset): In base64; at most 512 KiB. What there is stays when it is left out.
        labels (ContentUpdateLabels | Unset): Labels to set; those that are null are removed.
    """

    data: str | Unset = UNSET
    labels: ContentUpdateLabels | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        data = self.data

        labels: dict[str, Any] | Unset = UNSET
        if not isinstance(self.labels, Unset):
            labels = self.labels.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if data is not UNSET:
            field_dict["data"] = data
        if labels is not UNSET:
            field_dict["labels"] = labels

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.content_update_labels import ContentUpdateLabels  # noqa: PLC0415

        d = dict(src_dict)
        data = d.pop("data", UNSET)

        _labels = d.pop("labels", UNSET)
        labels: ContentUpdateLabels | Unset
        if isinstance(_labels, Unset):
            labels = UNSET
        else:
            labels = ContentUpdateLabels.from_dict(_labels)

        content_update = cls(
            data=data,
            labels=labels,
        )

        content_update.additional_properties = d
        return content_update

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
