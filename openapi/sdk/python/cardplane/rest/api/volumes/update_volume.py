from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.volume import Volume
from ...models.volume_update import VolumeUpdate
from ...types import Response


def _get_kwargs(
    volume: str,
    *,
    body: VolumeUpdate,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "patch",
        "url": "/v1/volumes/{volume}".format(
            volume=quote(str(volume), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Volume | None:
    if response.status_code == 200:
        response_200 = Volume.from_dict(response.json())

        return response_200

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
    volume: str,
    *,
    client: AuthenticatedClient | Client,
    body: VolumeUpdate,
) -> Response[Volume]:
    """Make a volume larger.

     The file system grows while a container runs that writes to it, and at
    once; otherwise at the next start of one. Where it cannot grow at once,
    because the compute host is away or the guest fails, that is the error,
    and the volume grows at the next start, or when the request is repeated.
    A volume does not shrink (`volume_cannot_shrink`). Codes:
    `invalid_volume_size`.

    Args:
        volume (str):
        body (VolumeUpdate):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Volume]
    """

    kwargs = _get_kwargs(
        volume=volume,
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    volume: str,
    *,
    client: AuthenticatedClient | Client,
    body: VolumeUpdate,
) -> Volume | None:
    """Make a volume larger.

     The file system grows while a container runs that writes to it, and at
    once; otherwise at the next start of one. Where it cannot grow at once,
    because the compute host is away or the guest fails, that is the error,
    and the volume grows at the next start, or when the request is repeated.
    A volume does not shrink (`volume_cannot_shrink`). Codes:
    `invalid_volume_size`.

    Args:
        volume (str):
        body (VolumeUpdate):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Volume
    """

    return sync_detailed(
        volume=volume,
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    volume: str,
    *,
    client: AuthenticatedClient | Client,
    body: VolumeUpdate,
) -> Response[Volume]:
    """Make a volume larger.

     The file system grows while a container runs that writes to it, and at
    once; otherwise at the next start of one. Where it cannot grow at once,
    because the compute host is away or the guest fails, that is the error,
    and the volume grows at the next start, or when the request is repeated.
    A volume does not shrink (`volume_cannot_shrink`). Codes:
    `invalid_volume_size`.

    Args:
        volume (str):
        body (VolumeUpdate):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Volume]
    """

    kwargs = _get_kwargs(
        volume=volume,
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    volume: str,
    *,
    client: AuthenticatedClient | Client,
    body: VolumeUpdate,
) -> Volume | None:
    """Make a volume larger.

     The file system grows while a container runs that writes to it, and at
    once; otherwise at the next start of one. Where it cannot grow at once,
    because the compute host is away or the guest fails, that is the error,
    and the volume grows at the next start, or when the request is repeated.
    A volume does not shrink (`volume_cannot_shrink`). Codes:
    `invalid_volume_size`.

    Args:
        volume (str):
        body (VolumeUpdate):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Volume
    """

    return (
        await asyncio_detailed(
            volume=volume,
            client=client,
            body=body,
        )
    ).parsed
