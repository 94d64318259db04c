from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.image_removal import ImageRemoval
from ...types import UNSET, Response, Unset


def _get_kwargs(
    image: str,
    *,
    force: bool | Unset = False,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["force"] = force

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "delete",
        "url": "/v1/images/{image}".format(
            image=quote(str(image), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> ImageRemoval | None:
    if response.status_code == 200:
        response_200 = ImageRemoval.from_dict(response.json())

        return response_200

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[ImageRemoval]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    image: str,
    *,
    client: AuthenticatedClient | Client,
    force: bool | Unset = False,
) -> Response[ImageRemoval]:
    """Remove a name of an image, and the image with its last name.

    Args:
        image (str):
        force (bool | Unset):  Default: False.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ImageRemoval]
    """

    kwargs = _get_kwargs(
        image=image,
        force=force,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    image: str,
    *,
    client: AuthenticatedClient | Client,
    force: bool | Unset = False,
) -> ImageRemoval | None:
    """Remove a name of an image, and the image with its last name.

    Args:
        image (str):
        force (bool | Unset):  Default: False.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ImageRemoval
    """

    return sync_detailed(
        image=image,
        client=client,
        force=force,
    ).parsed


async def asyncio_detailed(
    image: str,
    *,
    client: AuthenticatedClient | Client,
    force: bool | Unset = False,
) -> Response[ImageRemoval]:
    """Remove a name of an image, and the image with its last name.

    Args:
        image (str):
        force (bool | Unset):  Default: False.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ImageRemoval]
    """

    kwargs = _get_kwargs(
        image=image,
        force=force,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    image: str,
    *,
    client: AuthenticatedClient | Client,
    force: bool | Unset = False,
) -> ImageRemoval | None:
    """Remove a name of an image, and the image with its last name.

    Args:
        image (str):
        force (bool | Unset):  Default: False.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ImageRemoval
    """

    return (
        await asyncio_detailed(
            image=image,
            client=client,
            force=force,
        )
    ).parsed
