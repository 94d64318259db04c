from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="ContentPruned")


@_attrs_define
class ContentPruned:
    """
    Attributes:
        deleted (list[str]): Their names.
        reclaimed_bytes (int): The length of their content.
    """

    deleted: list[str]
    reclaimed_bytes: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        deleted = self.deleted

        reclaimed_bytes = self.reclaimed_bytes

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "deleted": deleted,
                "reclaimedBytes": reclaimed_bytes,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        deleted = cast(list[str], d.pop("deleted"))

        reclaimed_bytes = d.pop("reclaimedBytes")

        content_pruned = cls(
            deleted=deleted,
            reclaimed_bytes=reclaimed_bytes,
        )

        content_pruned.additional_properties = d
        return content_pruned

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
