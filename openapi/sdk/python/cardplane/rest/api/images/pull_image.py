from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.image import Image
from ...models.image_pull import ImagePull
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    body: ImagePull,
    progress: bool | Unset = False,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    params: dict[str, Any] = {}

    params["progress"] = progress

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/images/pull",
        "params": params,
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Image | None:
    if response.status_code == 200:
        response_200 = Image.from_dict(response.json())

        return response_200

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Image]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: ImagePull,
    progress: bool | Unset = False,
) -> Response[Image]:
    """Pull an image from a registry.

     Of an index, the image for the platform of the compute host is taken.
    Clients that pull the same at the same time share one transfer; it goes
    on while one of them stays.

    Args:
        progress (bool | Unset):  Default: False.
        body (ImagePull):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Image]
    """

    kwargs = _get_kwargs(
        body=body,
        progress=progress,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    body: ImagePull,
    progress: bool | Unset = False,
) -> Image | None:
    """Pull an image from a registry.

     Of an index, the image for the platform of the compute host is taken.
    Clients that pull the same at the same time share one transfer; it goes
    on while one of them stays.

    Args:
        progress (bool | Unset):  Default: False.
        body (ImagePull):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Image
    """

    return sync_detailed(
        client=client,
        body=body,
        progress=progress,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: ImagePull,
    progress: bool | Unset = False,
) -> Response[Image]:
    """Pull an image from a registry.

     Of an index, the image for the platform of the compute host is taken.
    Clients that pull the same at the same time share one transfer; it goes
    on while one of them stays.

    Args:
        progress (bool | Unset):  Default: False.
        body (ImagePull):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Image]
    """

    kwargs = _get_kwargs(
        body=body,
        progress=progress,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    body: ImagePull,
    progress: bool | Unset = False,
) -> Image | None:
    """Pull an image from a registry.

     Of an index, the image for the platform of the compute host is taken.
    Clients that pull the same at the same time share one transfer; it goes
    on while one of them stays.

    Args:
        progress (bool | Unset):  Default: False.
        body (ImagePull):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Image
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            progress=progress,
        )
    ).parsed
