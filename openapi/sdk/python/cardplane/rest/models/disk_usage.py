from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.disk_usage_kind import DiskUsageKind
from ..models.disk_usage_where import DiskUsageWhere
from ..types import UNSET, Unset

T = TypeVar("T", bound="DiskUsage")


@_attrs_define
class DiskUsage:
    """
    Attributes:
        kind (DiskUsageKind): images: layers and block files. partial-pulls: what broken pulls have left. containers:
            writable layers. logs: journals of containers' output. volumes: those and what is on them.
        where (DiskUsageWhere): On whose disk it is.
        count (int):
        active (int): How many of them are in use: images and volumes by containers, the others by what is running.
        size_bytes (int | Unset): What they take. Absent while the compute host cannot be asked.
        reclaimable_bytes (int | Unset): What removing all that are not in use would free.
    """

    kind: DiskUsageKind
    where: DiskUsageWhere
    count: int
    active: int
    size_bytes: int | Unset = UNSET
    reclaimable_bytes: int | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        kind = self.kind.value

        where = self.where.value

        count = self.count

        active = self.active

        size_bytes = self.size_bytes

        reclaimable_bytes = self.reclaimable_bytes

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "kind": kind,
                "where": where,
                "count": count,
                "active": active,
            }
        )
        if size_bytes is not UNSET:
            field_dict["sizeBytes"] = size_bytes
        if reclaimable_bytes is not UNSET:
            field_dict["reclaimableBytes"] = reclaimable_bytes

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        kind = DiskUsageKind(d.pop("kind"))

        where = DiskUsageWhere(d.pop("where"))

        count = d.pop("count")

        active = d.pop("active")

        size_bytes = d.pop("sizeBytes", UNSET)

        reclaimable_bytes = d.pop("reclaimableBytes", UNSET)

        disk_usage = cls(
            kind=kind,
            where=where,
            count=count,
            active=active,
            size_bytes=size_bytes,
            reclaimable_bytes=reclaimable_bytes,
        )

        disk_usage.additional_properties = d
        return disk_usage

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
