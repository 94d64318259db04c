from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.image_step import ImageStep
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.image import Image
    from ..models.problem import Problem


T = TypeVar("T", bound="ImageProgress")


@_attrs_define
class ImageProgress:
    """One line of the progress of a pull or a load: how far a step has got,
    or, as the last line, the images or the error. A line for a step
    supersedes those before it for the same step and subject; a step is
    done when `currentBytes` has reached `totalBytes`.

        Attributes:
            step (ImageStep | Unset): cached: a blob, or the block file of an image, that the card has
                already. fetch: a blob comes from the registry. verify: the layers are
                uncompressed, their digests compared and their names merged. build: the
                block file is written.
            subject (str | Unset): Digest of a blob or id of an image.
            current_bytes (int | Unset):
            total_bytes (int | Unset):
            images (list[Image] | Unset): Present in the last line of what succeeded.
            error (Problem | Unset):  Example: {'type': 'about:blank', 'title': 'Not Found', 'status': 404, 'class':
                'not_found', 'code': 'image_not_found', 'detail': 'there is no image "x"; load it with `cardctl load` or pull it
                with `cardctl pull x`'}.
    """

    step: ImageStep | Unset = UNSET
    subject: str | Unset = UNSET
    current_bytes: int | Unset = UNSET
    total_bytes: int | Unset = UNSET
    images: list[Image] | Unset = UNSET
    error: Problem | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        step: str | Unset = UNSET
        if not isinstance(self.step, Unset):
            step = self.step.value

        subject = self.subject

        current_bytes = self.current_bytes

        total_bytes = self.total_bytes

        images: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.images, Unset):
            images = []
            for images_item_data in self.images:
                images_item = images_item_data.to_dict()
                images.append(images_item)

        error: dict[str, Any] | Unset = UNSET
        if not isinstance(self.error, Unset):
            error = self.error.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if step is not UNSET:
            field_dict["step"] = step
        if subject is not UNSET:
            field_dict["subject"] = subject
        if current_bytes is not UNSET:
            field_dict["currentBytes"] = current_bytes
        if total_bytes is not UNSET:
            field_dict["totalBytes"] = total_bytes
        if images is not UNSET:
            field_dict["images"] = images
        if error is not UNSET:
            field_dict["error"] = error

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.image import Image  # noqa: PLC0415
        from ..models.problem import Problem  # noqa: PLC0415

        d = dict(src_dict)
        _step = d.pop("step", UNSET)
        step: ImageStep | Unset
        if isinstance(_step, Unset):
            step = UNSET
        else:
            step = ImageStep(_step)

        subject = d.pop("subject", UNSET)

        current_bytes = d.pop("currentBytes", UNSET)

        total_bytes = d.pop("totalBytes", UNSET)

        _images = d.pop("images", UNSET)
        images: list[Image] | Unset = UNSET
        if _images is not UNSET:
            images = []
            for images_item_data in _images:
                images_item = Image.from_dict(images_item_data)

                images.append(images_item)

        _error = d.pop("error", UNSET)
        error: Problem | Unset
        if isinstance(_error, Unset):
            error = UNSET
        else:
            error = Problem.from_dict(_error)

        image_progress = cls(
            step=step,
            subject=subject,
            current_bytes=current_bytes,
            total_bytes=total_bytes,
            images=images,
            error=error,
        )

        image_progress.additional_properties = d
        return image_progress

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
