from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.volume_format import VolumeFormat
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.volume_labels import VolumeLabels


T = TypeVar("T", bound="Volume")


@_attrs_define
class Volume:
    """
    Example:
        {'id': '0f3c9d2e7b1a4c5d8e6f7a8b9c0d1e2f', 'name': 'data', 'sizeBytes': 10737418240, 'format': 'ext4', 'labels':
            {'tier': 'db'}, 'createdAt': '2026-01-02T15:04:05Z'}

    Attributes:
        id (str): Another for every volume that is made under a name.
        name (str):
        size_bytes (int): What can be written to it; it takes the space of what was.
        format_ (VolumeFormat): ext4, which is meant when it is left out: a file system, of which containers see a
            directory. raw: a block device; containers that mount it have a device node at the mount's path, with mode 0660.
            A copy has the format of its source.
        created_at (datetime.datetime):
        labels (VolumeLabels | Unset):
        source_id (str | Unset): Id of the volume that it was made as a copy of.
    """

    id: str
    name: str
    size_bytes: int
    format_: VolumeFormat
    created_at: datetime.datetime
    labels: VolumeLabels | Unset = UNSET
    source_id: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        name = self.name

        size_bytes = self.size_bytes

        format_ = self.format_.value

        created_at = self.created_at.isoformat()

        labels: dict[str, Any] | Unset = UNSET
        if not isinstance(self.labels, Unset):
            labels = self.labels.to_dict()

        source_id = self.source_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "sizeBytes": size_bytes,
                "format": format_,
                "createdAt": created_at,
            }
        )
        if labels is not UNSET:
            field_dict["labels"] = labels
        if source_id is not UNSET:
            field_dict["sourceId"] = source_id

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.volume_labels import VolumeLabels  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        name = d.pop("name")

        size_bytes = d.pop("sizeBytes")

        format_ = VolumeFormat(d.pop("format"))

        created_at = datetime.datetime.fromisoformat(d.pop("createdAt"))

        _labels = d.pop("labels", UNSET)
        labels: VolumeLabels | Unset
        if isinstance(_labels, Unset):
            labels = UNSET
        else:
            labels = VolumeLabels.from_dict(_labels)

        source_id = d.pop("sourceId", UNSET)

        volume = cls(
            id=id,
            name=name,
            size_bytes=size_bytes,
            format_=format_,
            created_at=created_at,
            labels=labels,
            source_id=source_id,
        )

        volume.additional_properties = d
        return volume

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
