from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.volume_format import VolumeFormat
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.volume_source import VolumeSource
    from ..models.volume_spec_labels import VolumeSpecLabels


T = TypeVar("T", bound="VolumeSpec")


@_attrs_define
class VolumeSpec:
    """
    Attributes:
        name (str | Unset): Made up when it is left out.
        size_bytes (int | Unset): 10 GiB when it is left out, or the source's size.
        format_ (VolumeFormat | Unset): ext4, which is meant when it is left out: a file system, of which containers see
            a directory. raw: a block device; containers that mount it have a device node at the mount's path, with mode
            0660. A copy has the format of its source.
        labels (VolumeSpecLabels | Unset):
        source (VolumeSource | Unset): What a volume is to hold at first.
    """

    name: str | Unset = UNSET
    size_bytes: int | Unset = UNSET
    format_: VolumeFormat | Unset = UNSET
    labels: VolumeSpecLabels | Unset = UNSET
    source: VolumeSource | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        size_bytes = self.size_bytes

        format_: str | Unset = UNSET
        if not isinstance(self.format_, Unset):
            format_ = self.format_.value

        labels: dict[str, Any] | Unset = UNSET
        if not isinstance(self.labels, Unset):
            labels = self.labels.to_dict()

        source: dict[str, Any] | Unset = UNSET
        if not isinstance(self.source, Unset):
            source = self.source.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if name is not UNSET:
            field_dict["name"] = name
        if size_bytes is not UNSET:
            field_dict["sizeBytes"] = size_bytes
        if format_ is not UNSET:
            field_dict["format"] = format_
        if labels is not UNSET:
            field_dict["labels"] = labels
        if source is not UNSET:
            field_dict["source"] = source

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.volume_source import VolumeSource  # noqa: PLC0415
        from ..models.volume_spec_labels import VolumeSpecLabels  # noqa: PLC0415

        d = dict(src_dict)
        name = d.pop("name", UNSET)

        size_bytes = d.pop("sizeBytes", UNSET)

        _format_ = d.pop("format", UNSET)
        format_: VolumeFormat | Unset
        if isinstance(_format_, Unset):
            format_ = UNSET
        else:
            format_ = VolumeFormat(_format_)

        _labels = d.pop("labels", UNSET)
        labels: VolumeSpecLabels | Unset
        if isinstance(_labels, Unset):
            labels = UNSET
        else:
            labels = VolumeSpecLabels.from_dict(_labels)

        _source = d.pop("source", UNSET)
        source: VolumeSource | Unset
        if isinstance(_source, Unset):
            source = UNSET
        else:
            source = VolumeSource.from_dict(_source)

        volume_spec = cls(
            name=name,
            size_bytes=size_bytes,
            format_=format_,
            labels=labels,
            source=source,
        )

        volume_spec.additional_properties = d
        return volume_spec

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
