from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="IoStats")


@_attrs_define
class IoStats:
    """Of block devices.

    Attributes:
        read_bytes (int):
        written_bytes (int):
        reads (int):
        writes (int):
    """

    read_bytes: int
    written_bytes: int
    reads: int
    writes: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        read_bytes = self.read_bytes

        written_bytes = self.written_bytes

        reads = self.reads

        writes = self.writes

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "readBytes": read_bytes,
                "writtenBytes": written_bytes,
                "reads": reads,
                "writes": writes,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        read_bytes = d.pop("readBytes")

        written_bytes = d.pop("writtenBytes")

        reads = d.pop("reads")

        writes = d.pop("writes")

        io_stats = cls(
            read_bytes=read_bytes,
            written_bytes=written_bytes,
            reads=reads,
            writes=writes,
        )

        io_stats.additional_properties = d
        return io_stats

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
