from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.log_record_stream import LogRecordStream
from ..types import UNSET, Unset

T = TypeVar("T", bound="LogRecord")


@_attrs_define
class LogRecord:
    """
    Example:
        {'stream': 'stdout', 'offset': 0, 'time': '2026-01-02T15:04:07Z', 'data': 'MTI2NzY1MDYwMAo='}

    Attributes:
        stream (LogRecordStream): Which of the program's streams it was written to.
        offset (int): Offset of the first byte within its stream since the container was created.
        time (datetime.datetime): When the card received it.
        data (str): The bytes. A line may be spread over several records.
        lost (int | Unset): Bytes that the log policy dropped just before this record.
    """

    stream: LogRecordStream
    offset: int
    time: datetime.datetime
    data: str
    lost: int | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        stream = self.stream.value

        offset = self.offset

        time = self.time.isoformat()

        data = self.data

        lost = self.lost

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "stream": stream,
                "offset": offset,
                "time": time,
                "data": data,
            }
        )
        if lost is not UNSET:
            field_dict["lost"] = lost

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        stream = LogRecordStream(d.pop("stream"))

        offset = d.pop("offset")

        time = datetime.datetime.fromisoformat(d.pop("time"))

        data = d.pop("data")

        lost = d.pop("lost", UNSET)

        log_record = cls(
            stream=stream,
            offset=offset,
            time=time,
            data=data,
            lost=lost,
        )

        log_record.additional_properties = d
        return log_record

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
