from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.volume import Volume
from ...models.volume_spec import VolumeSpec
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    body: VolumeSpec,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/volumes",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Volume | None:
    if response.status_code == 201:
        response_201 = Volume.from_dict(response.json())

        return response_201

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Volume]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: VolumeSpec,
    idempotency_key: str | Unset = UNSET,
) -> Response[Volume]:
    """Create a volume.

     A volume is an ext4 file system that outlives the containers that use it.
    It is sparse, and its disk is made on the compute host at its first use,
    as a copy of what the image has at the path where it is mounted.

    With `format: raw` it is a block device, which begins with zeros and which
    nobody formats. It can be copied and grown. What needs files is refused with
    `volume_is_raw`: exports, imports and mounts of a `subpath`; and so is its
    coming to a container that runs, or leaving it, as the device rules of that
    are fixed.

    While containers run, a volume has either one that may write to it, or
    any number that only read.

    With `source` it is a copy of another volume, made on the compute host
    before the answer; where the host's file system can, the two share what
    neither has changed. Nobody may write to the source meanwhile: that
    fails with `volume_in_use`, as a copy of a volume does that a container
    writes to. The copy may be larger and not smaller
    (`volume_cannot_shrink`); its file system grows at its first use. Codes:
    `volume_exists`, `invalid_name`, `invalid_volume_size`, `volume_format_differs`,
    `volume_not_found`, `disk_full`.

    Args:
        idempotency_key (str | Unset):
        body (VolumeSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Volume]
    """

    kwargs = _get_kwargs(
        body=body,
        idempotency_key=idempotency_key,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    body: VolumeSpec,
    idempotency_key: str | Unset = UNSET,
) -> Volume | None:
    """Create a volume.

     A volume is an ext4 file system that outlives the containers that use it.
    It is sparse, and its disk is made on the compute host at its first use,
    as a copy of what the image has at the path where it is mounted.

    With `format: raw` it is a block device, which begins with zeros and which
    nobody formats. It can be copied and grown. What needs files is refused with
    `volume_is_raw`: exports, imports and mounts of a `subpath`; and so is its
    coming to a container that runs, or leaving it, as the device rules of that
    are fixed.

    While containers run, a volume has either one that may write to it, or
    any number that only read.

    With `source` it is a copy of another volume, made on the compute host
    before the answer; where the host's file system can, the two share what
    neither has changed. Nobody may write to the source meanwhile: that
    fails with `volume_in_use`, as a copy of a volume does that a container
    writes to. The copy may be larger and not smaller
    (`volume_cannot_shrink`); its file system grows at its first use. Codes:
    `volume_exists`, `invalid_name`, `invalid_volume_size`, `volume_format_differs`,
    `volume_not_found`, `disk_full`.

    Args:
        idempotency_key (str | Unset):
        body (VolumeSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Volume
    """

    return sync_detailed(
        client=client,
        body=body,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: VolumeSpec,
    idempotency_key: str | Unset = UNSET,
) -> Response[Volume]:
    """Create a volume.

     A volume is an ext4 file system that outlives the containers that use it.
    It is sparse, and its disk is made on the compute host at its first use,
    as a copy of what the image has at the path where it is mounted.

    With `format: raw` it is a block device, which begins with zeros and which
    nobody formats. It can be copied and grown. What needs files is refused with
    `volume_is_raw`: exports, imports and mounts of a `subpath`; and so is its
    coming to a container that runs, or leaving it, as the device rules of that
    are fixed.

    While containers run, a volume has either one that may write to it, or
    any number that only read.

    With `source` it is a copy of another volume, made on the compute host
    before the answer; where the host's file system can, the two share what
    neither has changed. Nobody may write to the source meanwhile: that
    fails with `volume_in_use`, as a copy of a volume does that a container
    writes to. The copy may be larger and not smaller
    (`volume_cannot_shrink`); its file system grows at its first use. Codes:
    `volume_exists`, `invalid_name`, `invalid_volume_size`, `volume_format_differs`,
    `volume_not_found`, `disk_full`.

    Args:
        idempotency_key (str | Unset):
        body (VolumeSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Volume]
    """

    kwargs = _get_kwargs(
        body=body,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    body: VolumeSpec,
    idempotency_key: str | Unset = UNSET,
) -> Volume | None:
    """Create a volume.

     A volume is an ext4 file system that outlives the containers that use it.
    It is sparse, and its disk is made on the compute host at its first use,
    as a copy of what the image has at the path where it is mounted.

    With `format: raw` it is a block device, which begins with zeros and which
    nobody formats. It can be copied and grown. What needs files is refused with
    `volume_is_raw`: exports, imports and mounts of a `subpath`; and so is its
    coming to a container that runs, or leaving it, as the device rules of that
    are fixed.

    While containers run, a volume has either one that may write to it, or
    any number that only read.

    With `source` it is a copy of another volume, made on the compute host
    before the answer; where the host's file system can, the two share what
    neither has changed. Nobody may write to the source meanwhile: that
    fails with `volume_in_use`, as a copy of a volume does that a container
    writes to. The copy may be larger and not smaller
    (`volume_cannot_shrink`); its file system grows at its first use. Codes:
    `volume_exists`, `invalid_name`, `invalid_volume_size`, `volume_format_differs`,
    `volume_not_found`, `disk_full`.

    Args:
        idempotency_key (str | Unset):
        body (VolumeSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Volume
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            idempotency_key=idempotency_key,
        )
    ).parsed
