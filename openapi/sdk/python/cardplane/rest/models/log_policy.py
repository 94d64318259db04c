from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.log_policy_when_full import LogPolicyWhenFull
from ..types import UNSET, Unset

T = TypeVar("T", bound="LogPolicy")


@_attrs_define
class LogPolicy:
    """
    Attributes:
        when_full (LogPolicyWhenFull | Unset): What happens when the control plane is away and the guest's buffer is
            full: the program's writes block, or the oldest output is dropped and the loss is marked in the log. Default:
            LogPolicyWhenFull.BLOCK.
        max_file_bytes (int | Unset): Size of a log file, after which a new one is begun. Default 20 MiB.
        max_files (int | Unset): How many log files are kept; older ones are deleted. Default 5.
    """

    when_full: LogPolicyWhenFull | Unset = LogPolicyWhenFull.BLOCK
    max_file_bytes: int | Unset = UNSET
    max_files: int | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        when_full: str | Unset = UNSET
        if not isinstance(self.when_full, Unset):
            when_full = self.when_full.value

        max_file_bytes = self.max_file_bytes

        max_files = self.max_files

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if when_full is not UNSET:
            field_dict["whenFull"] = when_full
        if max_file_bytes is not UNSET:
            field_dict["maxFileBytes"] = max_file_bytes
        if max_files is not UNSET:
            field_dict["maxFiles"] = max_files

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        _when_full = d.pop("whenFull", UNSET)
        when_full: LogPolicyWhenFull | Unset
        if isinstance(_when_full, Unset):
            when_full = UNSET
        else:
            when_full = LogPolicyWhenFull(_when_full)

        max_file_bytes = d.pop("maxFileBytes", UNSET)

        max_files = d.pop("maxFiles", UNSET)

        log_policy = cls(
            when_full=when_full,
            max_file_bytes=max_file_bytes,
            max_files=max_files,
        )

        log_policy.additional_properties = d
        return log_policy

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
