from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="MemoryStats")


@_attrs_define
class MemoryStats:
    """
    Attributes:
        bytes_ (int): In use, with the page cache of its files.
        cache_bytes (int): The part of it that is inactive page cache.
        limit_bytes (int): The guest's memory, or the limit that an update has set where that is less.
    """

    bytes_: int
    cache_bytes: int
    limit_bytes: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        bytes_ = self.bytes_

        cache_bytes = self.cache_bytes

        limit_bytes = self.limit_bytes

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "bytes": bytes_,
                "cacheBytes": cache_bytes,
                "limitBytes": limit_bytes,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        bytes_ = d.pop("bytes")

        cache_bytes = d.pop("cacheBytes")

        limit_bytes = d.pop("limitBytes")

        memory_stats = cls(
            bytes_=bytes_,
            cache_bytes=cache_bytes,
            limit_bytes=limit_bytes,
        )

        memory_stats.additional_properties = d
        return memory_stats

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
