from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="HealthResult")


@_attrs_define
class HealthResult:
    """
    Attributes:
        started_at (datetime.datetime): By the guest's clock.
        finished_at (datetime.datetime):
        exit_code (int): -1 where the program was not started or was killed at its timeout; `output` says which.
        output (str): The first 4096 bytes of its standard output and error.
    """

    started_at: datetime.datetime
    finished_at: datetime.datetime
    exit_code: int
    output: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        started_at = self.started_at.isoformat()

        finished_at = self.finished_at.isoformat()

        exit_code = self.exit_code

        output = self.output

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "startedAt": started_at,
                "finishedAt": finished_at,
                "exitCode": exit_code,
                "output": output,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        started_at = datetime.datetime.fromisoformat(d.pop("startedAt"))

        finished_at = datetime.datetime.fromisoformat(d.pop("finishedAt"))

        exit_code = d.pop("exitCode")

        output = d.pop("output")

        health_result = cls(
            started_at=started_at,
            finished_at=finished_at,
            exit_code=exit_code,
            output=output,
        )

        health_result.additional_properties = d
        return health_result

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
