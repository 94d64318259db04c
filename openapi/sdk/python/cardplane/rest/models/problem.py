from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.problem_class import ProblemClass
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.field_error import FieldError


T = TypeVar("T", bound="Problem")


@_attrs_define
class Problem:
    """
    Example:
        {'type': 'about:blank', 'title': 'Not Found', 'status': 404, 'class': 'not_found', 'code': 'image_not_found',
            'detail': 'there is no image "x"; load it with `cardctl load` or pull it with `cardctl pull x`'}

    Attributes:
        type_ (str): A URI reference; about:blank.
        title (str): The status in words.
        status (int): The HTTP status.
        detail (str): One sentence for the user: what is wrong and what to do.
        class_ (ProblemClass): What a client can do about it.
        code (str): Stable and machine-readable.
        field (str | Unset): JSON pointer (RFC 6901) of the offending field of the request body, or the name of the
            offending parameter.
        errors (list[FieldError] | Unset): Everything that was found wrong with the request, 16 at most; `code` and
            `field` tell of the first.
        evidence (list[str] | Unset): Last lines of a console or log, oldest first.
    """

    type_: str
    title: str
    status: int
    detail: str
    class_: ProblemClass
    code: str
    field: str | Unset = UNSET
    errors: list[FieldError] | Unset = UNSET
    evidence: list[str] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        type_ = self.type_

        title = self.title

        status = self.status

        detail = self.detail

        class_ = self.class_.value

        code = self.code

        field = self.field

        errors: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.errors, Unset):
            errors = []
            for errors_item_data in self.errors:
                errors_item = errors_item_data.to_dict()
                errors.append(errors_item)

        evidence: list[str] | Unset = UNSET
        if not isinstance(self.evidence, Unset):
            evidence = self.evidence

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "type": type_,
                "title": title,
                "status": status,
                "detail": detail,
                "class": class_,
                "code": code,
            }
        )
        if field is not UNSET:
            field_dict["field"] = field
        if errors is not UNSET:
            field_dict["errors"] = errors
        if evidence is not UNSET:
            field_dict["evidence"] = evidence

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.field_error import FieldError  # noqa: PLC0415

        d = dict(src_dict)
        type_ = d.pop("type")

        title = d.pop("title")

        status = d.pop("status")

        detail = d.pop("detail")

        class_ = ProblemClass(d.pop("class"))

        code = d.pop("code")

        field = d.pop("field", UNSET)

        _errors = d.pop("errors", UNSET)
        errors: list[FieldError] | Unset = UNSET
        if _errors is not UNSET:
            errors = []
            for errors_item_data in _errors:
                errors_item = FieldError.from_dict(errors_item_data)

                errors.append(errors_item)

        evidence = cast(list[str], d.pop("evidence", UNSET))

        problem = cls(
            type_=type_,
            title=title,
            status=status,
            detail=detail,
            class_=class_,
            code=code,
            field=field,
            errors=errors,
            evidence=evidence,
        )

        problem.additional_properties = d
        return problem

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
