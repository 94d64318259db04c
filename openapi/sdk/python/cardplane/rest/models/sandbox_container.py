from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.container_state import ContainerState

T = TypeVar("T", bound="SandboxContainer")


@_attrs_define
class SandboxContainer:
    """
    Attributes:
        id (str):
        name (str):
        state (ContainerState): created → starting → running → stopping → exited. The processes of a
            `paused` container stand still until it runs again. A container that
            could not be started, or whose VM was lost, is `failed`; `error` says
            why. An exited or failed container can be started again; one whose
            restart policy does so is `restarting` until then.
    """

    id: str
    name: str
    state: ContainerState
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        name = self.name

        state = self.state.value

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "state": state,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        name = d.pop("name")

        state = ContainerState(d.pop("state"))

        sandbox_container = cls(
            id=id,
            name=name,
            state=state,
        )

        sandbox_container.additional_properties = d
        return sandbox_container

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
