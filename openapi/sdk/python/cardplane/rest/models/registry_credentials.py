from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="RegistryCredentials")


@_attrs_define
class RegistryCredentials:
    """A user name and password, or one of the tokens alone, used for this
    pull in place of what the card's docker configuration holds. They are
    neither stored nor logged.

        Attributes:
            username (str | Unset):
            password (str | Unset):
            token (str | Unset): A bearer token that the registry itself takes.
            identity_token (str | Unset): An OAuth2 refresh token, which the registry's token server exchanges for a bearer
                token.
    """

    username: str | Unset = UNSET
    password: str | Unset = UNSET
    token: str | Unset = UNSET
    identity_token: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        username = self.username

        password = self.password

        token = self.token

        identity_token = self.identity_token

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if username is not UNSET:
            field_dict["username"] = username
        if password is not UNSET:
            field_dict["password"] = password
        if token is not UNSET:
            field_dict["token"] = token
        if identity_token is not UNSET:
            field_dict["identityToken"] = identity_token

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        username = d.pop("username", UNSET)

        password = d.pop("password", UNSET)

        token = d.pop("token", UNSET)

        identity_token = d.pop("identityToken", UNSET)

        registry_credentials = cls(
            username=username,
            password=password,
            token=token,
            identity_token=identity_token,
        )

        registry_credentials.additional_properties = d
        return registry_credentials

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
