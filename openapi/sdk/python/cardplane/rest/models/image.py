from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.image_config import ImageConfig


T = TypeVar("T", bound="Image")


@_attrs_define
class Image:
    """
    Example:
        {'id': 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08', 'names':
            ['docker.io/library/python:3.11'], 'repoDigests': [], 'createdAt': '2026-01-02T15:04:05Z', 'architecture':
            'amd64', 'os': 'linux', 'sizeBytes': 52428800, 'config': {'command': ['python3'], 'env':
            ['PATH=/usr/local/bin:/usr/bin:/bin'], 'labels': {'tier': 'base'}}}

    Attributes:
        id (str): sha256:<hex> of the image configuration.
        names (list[str]): Full references with a tag.
        repo_digests (list[str]): References by digest under which the image was pulled.
        architecture (str):
        os (str):
        size_bytes (int): Length of the image's block file.
        config (ImageConfig): The execution parameters of the OCI image configuration.
        created_at (datetime.datetime | Unset): As the image claims; absent where it does not.
    """

    id: str
    names: list[str]
    repo_digests: list[str]
    architecture: str
    os: str
    size_bytes: int
    config: ImageConfig
    created_at: datetime.datetime | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        names = self.names

        repo_digests = self.repo_digests

        architecture = self.architecture

        os = self.os

        size_bytes = self.size_bytes

        config = self.config.to_dict()

        created_at: str | Unset = UNSET
        if not isinstance(self.created_at, Unset):
            created_at = self.created_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "names": names,
                "repoDigests": repo_digests,
                "architecture": architecture,
                "os": os,
                "sizeBytes": size_bytes,
                "config": config,
            }
        )
        if created_at is not UNSET:
            field_dict["createdAt"] = created_at

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.image_config import ImageConfig  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        names = cast(list[str], d.pop("names"))

        repo_digests = cast(list[str], d.pop("repoDigests"))

        architecture = d.pop("architecture")

        os = d.pop("os")

        size_bytes = d.pop("sizeBytes")

        config = ImageConfig.from_dict(d.pop("config"))

        _created_at = d.pop("createdAt", UNSET)
        created_at: datetime.datetime | Unset
        if isinstance(_created_at, Unset):
            created_at = UNSET
        else:
            created_at = datetime.datetime.fromisoformat(_created_at)

        image = cls(
            id=id,
            names=names,
            repo_digests=repo_digests,
            architecture=architecture,
            os=os,
            size_bytes=size_bytes,
            config=config,
            created_at=created_at,
        )

        image.additional_properties = d
        return image

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
