from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.registry_credentials import RegistryCredentials


T = TypeVar("T", bound="ImagePull")


@_attrs_define
class ImagePull:
    """
    Attributes:
        reference (str):
        credentials (RegistryCredentials | Unset): A user name and password, or one of the tokens alone, used for this
            pull in place of what the card's docker configuration holds. They are
            neither stored nor logged.
    """

    reference: str
    credentials: RegistryCredentials | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        reference = self.reference

        credentials: dict[str, Any] | Unset = UNSET
        if not isinstance(self.credentials, Unset):
            credentials = self.credentials.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "reference": reference,
            }
        )
        if credentials is not UNSET:
            field_dict["credentials"] = credentials

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.registry_credentials import RegistryCredentials  # noqa: PLC0415

        d = dict(src_dict)
        reference = d.pop("reference")

        _credentials = d.pop("credentials", UNSET)
        credentials: RegistryCredentials | Unset
        if isinstance(_credentials, Unset):
            credentials = UNSET
        else:
            credentials = RegistryCredentials.from_dict(_credentials)

        image_pull = cls(
            reference=reference,
            credentials=credentials,
        )

        image_pull.additional_properties = d
        return image_pull

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
