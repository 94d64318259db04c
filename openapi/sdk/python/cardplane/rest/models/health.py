from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.health_status import HealthStatus
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.health_result import HealthResult


T = TypeVar("T", bound="Health")


@_attrs_define
class Health:
    """What the health check has found in the present or last run. It begins
    anew at each start. Of it only `status` counts for the container's ETag.

        Attributes:
            status (HealthStatus): starting: no probe has succeeded, nor have enough failed.
            failing_streak (int | Unset): How many probes have failed since the last success.
            results (list[HealthResult] | Unset): The newest, oldest first. Not in lists, and not kept over a restart of the
                control plane once the container has ended.
    """

    status: HealthStatus
    failing_streak: int | Unset = UNSET
    results: list[HealthResult] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        status = self.status.value

        failing_streak = self.failing_streak

        results: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.results, Unset):
            results = []
            for results_item_data in self.results:
                results_item = results_item_data.to_dict()
                results.append(results_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "status": status,
            }
        )
        if failing_streak is not UNSET:
            field_dict["failingStreak"] = failing_streak
        if results is not UNSET:
            field_dict["results"] = results

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.health_result import HealthResult  # noqa: PLC0415

        d = dict(src_dict)
        status = HealthStatus(d.pop("status"))

        failing_streak = d.pop("failingStreak", UNSET)

        _results = d.pop("results", UNSET)
        results: list[HealthResult] | Unset = UNSET
        if _results is not UNSET:
            results = []
            for results_item_data in _results:
                results_item = HealthResult.from_dict(results_item_data)

                results.append(results_item)

        health = cls(
            status=status,
            failing_streak=failing_streak,
            results=results,
        )

        health.additional_properties = d
        return health

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
