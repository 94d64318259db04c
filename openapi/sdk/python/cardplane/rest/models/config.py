from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.config_labels import ConfigLabels


T = TypeVar("T", bound="Config")


@_attrs_define
class Config:
    """
    Example:
        {'id': '7c1e9d2e7b1a4c5d8e6f7a8b9c0d1e2f', 'name': 'app.conf', 'sizeBytes': 12, 'version': 1, 'labels': {'tier':
            'db'}, 'createdAt': '2026-01-02T15:04:05Z', 'updatedAt': '2026-01-02T15:04:05Z', 'data': 'd29ya2VycyA9IDQK'}

    Attributes:
        id (str): Another for every config that is made under a name.
        name (str):
        size_bytes (int): Length of its content.
        version (int): Grows by one with every change of its content.
        created_at (datetime.datetime):
        updated_at (datetime.datetime): When its content was last changed.
        labels (ConfigLabels | Unset):
        data (str | Unset): Its content in base64, in the answer to getConfig.
    """

    id: str
    name: str
    size_bytes: int
    version: int
    created_at: datetime.datetime
    updated_at: datetime.datetime
    labels: ConfigLabels | Unset = UNSET
    data: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        name = self.name

        size_bytes = self.size_bytes

        version = self.version

        created_at = self.created_at.isoformat()

        updated_at = self.updated_at.isoformat()

        labels: dict[str, Any] | Unset = UNSET
        if not isinstance(self.labels, Unset):
            labels = self.labels.to_dict()

        data = self.data

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "sizeBytes": size_bytes,
                "version": version,
                "createdAt": created_at,
                "updatedAt": updated_at,
            }
        )
        if labels is not UNSET:
            field_dict["labels"] = labels
        if data is not UNSET:
            field_dict["data"] = data

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.config_labels import ConfigLabels  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        name = d.pop("name")

        size_bytes = d.pop("sizeBytes")

        version = d.pop("version")

        created_at = datetime.datetime.fromisoformat(d.pop("createdAt"))

        updated_at = datetime.datetime.fromisoformat(d.pop("updatedAt"))

        _labels = d.pop("labels", UNSET)
        labels: ConfigLabels | Unset
        if isinstance(_labels, Unset):
            labels = UNSET
        else:
            labels = ConfigLabels.from_dict(_labels)

        data = d.pop("data", UNSET)

        config = cls(
            id=id,
            name=name,
            size_bytes=size_bytes,
            version=version,
            created_at=created_at,
            updated_at=updated_at,
            labels=labels,
            data=data,
        )

        config.additional_properties = d
        return config

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
