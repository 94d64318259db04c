from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.image_save_format import ImageSaveFormat
from ..types import UNSET, Unset

T = TypeVar("T", bound="ImageSave")


@_attrs_define
class ImageSave:
    """
    Attributes:
        images (list[str]): References, ids or unique prefixes of ids. An image that is given by a name is saved with
            that name, one by id without.
        format_ (ImageSaveFormat | Unset): oci: an OCI image layout. docker-archive: the same, with the manifest.json
            that older tools look for. Default: ImageSaveFormat.FORMAT_DOCKER.
    """

    images: list[str]
    format_: ImageSaveFormat | Unset = ImageSaveFormat.FORMAT_DOCKER
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        images = self.images

        format_: str | Unset = UNSET
        if not isinstance(self.format_, Unset):
            format_ = self.format_.value

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "images": images,
            }
        )
        if format_ is not UNSET:
            field_dict["format"] = format_

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        images = cast(list[str], d.pop("images"))

        _format_ = d.pop("format", UNSET)
        format_: ImageSaveFormat | Unset
        if isinstance(_format_, Unset):
            format_ = UNSET
        else:
            format_ = ImageSaveFormat(_format_)

        image_save = cls(
            images=images,
            format_=format_,
        )

        image_save.additional_properties = d
        return image_save

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
