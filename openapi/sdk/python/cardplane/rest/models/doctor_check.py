from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.doctor_check_status import DoctorCheckStatus
from ..models.doctor_check_where import DoctorCheckWhere
from ..types import UNSET, Unset

T = TypeVar("T", bound="DoctorCheck")


@_attrs_define
class DoctorCheck:
    """
    Attributes:
        where (DoctorCheckWhere): Which side was looked at.
        name (str):
        status (DoctorCheckStatus): warn: it works, but worse than it could.
        detail (str): What was found.
        remedy (str | Unset): The one command or step that mends it.
    """

    where: DoctorCheckWhere
    name: str
    status: DoctorCheckStatus
    detail: str
    remedy: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        where = self.where.value

        name = self.name

        status = self.status.value

        detail = self.detail

        remedy = self.remedy

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "where": where,
                "name": name,
                "status": status,
                "detail": detail,
            }
        )
        if remedy is not UNSET:
            field_dict["remedy"] = remedy

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        where = DoctorCheckWhere(d.pop("where"))

        name = d.pop("name")

        status = DoctorCheckStatus(d.pop("status"))

        detail = d.pop("detail")

        remedy = d.pop("remedy", UNSET)

        doctor_check = cls(
            where=where,
            name=name,
            status=status,
            detail=detail,
            remedy=remedy,
        )

        doctor_check.additional_properties = d
        return doctor_check

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
