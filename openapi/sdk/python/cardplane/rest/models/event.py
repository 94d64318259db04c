from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.event_type import EventType
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.event_attributes import EventAttributes
    from ..models.event_labels import EventLabels


T = TypeVar("T", bound="Event")


@_attrs_define
class Event:
    """
    Example:
        {'sequence': 42, 'time': '2026-01-02T15:04:07Z', 'type': 'container.exit', 'subject':
            '3f2b8c1d9e4a5f60718293a4b5c6d7e8', 'name': 'web-1', 'attributes': {'exitCode': '0'}}

    Attributes:
        sequence (int): Grows by one with every event.
        time (datetime.datetime):
        type_ (EventType): What happened.
        subject (str): Id of the object.
        name (str | Unset): Its name.
        labels (EventLabels | Unset): The container's, also for its execs.
        attributes (EventAttributes | Unset): Such as exitCode, signal, or the status of a container.health_status. An
            exec.exit has lost instead of exitCode where the exec has ended with its container.
    """

    sequence: int
    time: datetime.datetime
    type_: EventType
    subject: str
    name: str | Unset = UNSET
    labels: EventLabels | Unset = UNSET
    attributes: EventAttributes | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        sequence = self.sequence

        time = self.time.isoformat()

        type_ = self.type_.value

        subject = self.subject

        name = self.name

        labels: dict[str, Any] | Unset = UNSET
        if not isinstance(self.labels, Unset):
            labels = self.labels.to_dict()

        attributes: dict[str, Any] | Unset = UNSET
        if not isinstance(self.attributes, Unset):
            attributes = self.attributes.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "sequence": sequence,
                "time": time,
                "type": type_,
                "subject": subject,
            }
        )
        if name is not UNSET:
            field_dict["name"] = name
        if labels is not UNSET:
            field_dict["labels"] = labels
        if attributes is not UNSET:
            field_dict["attributes"] = attributes

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.event_attributes import EventAttributes  # noqa: PLC0415
        from ..models.event_labels import EventLabels  # noqa: PLC0415

        d = dict(src_dict)
        sequence = d.pop("sequence")

        time = datetime.datetime.fromisoformat(d.pop("time"))

        type_ = EventType(d.pop("type"))

        subject = d.pop("subject")

        name = d.pop("name", UNSET)

        _labels = d.pop("labels", UNSET)
        labels: EventLabels | Unset
        if isinstance(_labels, Unset):
            labels = UNSET
        else:
            labels = EventLabels.from_dict(_labels)

        _attributes = d.pop("attributes", UNSET)
        attributes: EventAttributes | Unset
        if isinstance(_attributes, Unset):
            attributes = UNSET
        else:
            attributes = EventAttributes.from_dict(_attributes)

        event = cls(
            sequence=sequence,
            time=time,
            type_=type_,
            subject=subject,
            name=name,
            labels=labels,
            attributes=attributes,
        )

        event.additional_properties = d
        return event

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
