from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.restart_policy_mode import RestartPolicyMode
from ..types import UNSET, Unset

T = TypeVar("T", bound="RestartPolicy")


@_attrs_define
class RestartPolicy:
    """Whether the container is started again after its end, with pauses that
    double from 100 ms to a minute until a run lasts for 10 s. One that was
    stopped, or killed with SIGKILL or its stop signal, is not. A first
    start that fails is not repeated.

        Attributes:
            mode (RestartPolicyMode | Unset): on-failure: after an exit code other than 0 and after the loss of
                the VM. always: after every end, and whenever the control plane
                starts. unless-stopped: the same, but not if it was stopped.
                 Default: RestartPolicyMode.RESTART_NEVER.
            max_retries (int | Unset): With on-failure: how often at most; 0 is without a limit. Default: 0.
    """

    mode: RestartPolicyMode | Unset = RestartPolicyMode.RESTART_NEVER
    max_retries: int | Unset = 0
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        mode: str | Unset = UNSET
        if not isinstance(self.mode, Unset):
            mode = self.mode.value

        max_retries = self.max_retries

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if mode is not UNSET:
            field_dict["mode"] = mode
        if max_retries is not UNSET:
            field_dict["maxRetries"] = max_retries

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        _mode = d.pop("mode", UNSET)
        mode: RestartPolicyMode | Unset
        if isinstance(_mode, Unset):
            mode = UNSET
        else:
            mode = RestartPolicyMode(_mode)

        max_retries = d.pop("maxRetries", UNSET)

        restart_policy = cls(
            mode=mode,
            max_retries=max_retries,
        )

        restart_policy.additional_properties = d
        return restart_policy

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
