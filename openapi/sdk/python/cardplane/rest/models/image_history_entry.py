from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="ImageHistoryEntry")


@_attrs_define
class ImageHistoryEntry:
    """
    Attributes:
        created_at (datetime.datetime | Unset):
        created_by (str | Unset): The command.
        comment (str | Unset):
        layer (str | Unset): Digest of the layer that the step has made; absent where it has made none.
        size_bytes (int | Unset): Size of the layer as it is stored, mostly compressed.
    """

    created_at: datetime.datetime | Unset = UNSET
    created_by: str | Unset = UNSET
    comment: str | Unset = UNSET
    layer: str | Unset = UNSET
    size_bytes: int | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        created_at: str | Unset = UNSET
        if not isinstance(self.created_at, Unset):
            created_at = self.created_at.isoformat()

        created_by = self.created_by

        comment = self.comment

        layer = self.layer

        size_bytes = self.size_bytes

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if created_at is not UNSET:
            field_dict["createdAt"] = created_at
        if created_by is not UNSET:
            field_dict["createdBy"] = created_by
        if comment is not UNSET:
            field_dict["comment"] = comment
        if layer is not UNSET:
            field_dict["layer"] = layer
        if size_bytes is not UNSET:
            field_dict["sizeBytes"] = size_bytes

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        _created_at = d.pop("createdAt", UNSET)
        created_at: datetime.datetime | Unset
        if isinstance(_created_at, Unset):
            created_at = UNSET
        else:
            created_at = datetime.datetime.fromisoformat(_created_at)

        created_by = d.pop("createdBy", UNSET)

        comment = d.pop("comment", UNSET)

        layer = d.pop("layer", UNSET)

        size_bytes = d.pop("sizeBytes", UNSET)

        image_history_entry = cls(
            created_at=created_at,
            created_by=created_by,
            comment=comment,
            layer=layer,
            size_bytes=size_bytes,
        )

        image_history_entry.additional_properties = d
        return image_history_entry

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
