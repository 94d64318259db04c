from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.security_seccomp import SecuritySeccomp
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.security_seccomp_profile import SecuritySeccompProfile


T = TypeVar("T", bound="Security")


@_attrs_define
class Security:
    """What the container's processes may ask of the guest's kernel. The VM is
    the boundary between containers in any case.

        Attributes:
            privileged (bool | Unset): All capabilities and device numbers, /proc and /sys writable and whole, and no
                seccomp profile but one that is given. It reaches the VM's kernel, and never the compute host. Default: False.
            cap_add (list[str] | Unset): Capabilities beyond Docker's fourteen, with or without CAP_, or ALL.
            cap_drop (list[str] | Unset): Capabilities that are taken away, or ALL.
            no_new_privileges (bool | Unset): No program gains privileges by being executed. Default: False.
            seccomp (SecuritySeccomp | Unset): Docker's default profile of system calls, or none. Default:
                SecuritySeccomp.SECCOMP_DEFAULT.
            seccomp_profile (SecuritySeccompProfile | Unset): A profile in Docker's format in the place of the default one.
    """

    privileged: bool | Unset = False
    cap_add: list[str] | Unset = UNSET
    cap_drop: list[str] | Unset = UNSET
    no_new_privileges: bool | Unset = False
    seccomp: SecuritySeccomp | Unset = SecuritySeccomp.SECCOMP_DEFAULT
    seccomp_profile: SecuritySeccompProfile | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        privileged = self.privileged

        cap_add: list[str] | Unset = UNSET
        if not isinstance(self.cap_add, Unset):
            cap_add = self.cap_add

        cap_drop: list[str] | Unset = UNSET
        if not isinstance(self.cap_drop, Unset):
            cap_drop = self.cap_drop

        no_new_privileges = self.no_new_privileges

        seccomp: str | Unset = UNSET
        if not isinstance(self.seccomp, Unset):
            seccomp = self.seccomp.value

        seccomp_profile: dict[str, Any] | Unset = UNSET
        if not isinstance(self.seccomp_profile, Unset):
            seccomp_profile = self.seccomp_profile.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if privileged is not UNSET:
            field_dict["privileged"] = privileged
        if cap_add is not UNSET:
            field_dict["capAdd"] = cap_add
        if cap_drop is not UNSET:
            field_dict["capDrop"] = cap_drop
        if no_new_privileges is not UNSET:
            field_dict["noNewPrivileges"] = no_new_privileges
        if seccomp is not UNSET:
            field_dict["seccomp"] = seccomp
        if seccomp_profile is not UNSET:
            field_dict["seccompProfile"] = seccomp_profile

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.security_seccomp_profile import SecuritySeccompProfile  # noqa: PLC0415

        d = dict(src_dict)
        privileged = d.pop("privileged", UNSET)

        cap_add = cast(list[str], d.pop("capAdd", UNSET))

        cap_drop = cast(list[str], d.pop("capDrop", UNSET))

        no_new_privileges = d.pop("noNewPrivileges", UNSET)

        _seccomp = d.pop("seccomp", UNSET)
        seccomp: SecuritySeccomp | Unset
        if isinstance(_seccomp, Unset):
            seccomp = UNSET
        else:
            seccomp = SecuritySeccomp(_seccomp)

        _seccomp_profile = d.pop("seccompProfile", UNSET)
        seccomp_profile: SecuritySeccompProfile | Unset
        if isinstance(_seccomp_profile, Unset):
            seccomp_profile = UNSET
        else:
            seccomp_profile = SecuritySeccompProfile.from_dict(_seccomp_profile)

        security = cls(
            privileged=privileged,
            cap_add=cap_add,
            cap_drop=cap_drop,
            no_new_privileges=no_new_privileges,
            seccomp=seccomp,
            seccomp_profile=seccomp_profile,
        )

        security.additional_properties = d
        return security

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
