from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.path_stat import PathStat
from ...types import UNSET, Response


def _get_kwargs(
    container: str,
    *,
    path: str,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["path"] = path

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/containers/{container}/file".format(
            container=quote(str(container), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> PathStat | None:
    if response.status_code == 200:
        response_200 = PathStat.from_dict(response.json())

        return response_200

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[PathStat]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    container: str,
    *,
    client: AuthenticatedClient | Client,
    path: str,
) -> Response[PathStat]:
    """What a path in a running container is. A symbolic link at its end is not followed.

    Args:
        container (str):
        path (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PathStat]
    """

    kwargs = _get_kwargs(
        container=container,
        path=path,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    container: str,
    *,
    client: AuthenticatedClient | Client,
    path: str,
) -> PathStat | None:
    """What a path in a running container is. A symbolic link at its end is not followed.

    Args:
        container (str):
        path (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PathStat
    """

    return sync_detailed(
        container=container,
        client=client,
        path=path,
    ).parsed


async def asyncio_detailed(
    container: str,
    *,
    client: AuthenticatedClient | Client,
    path: str,
) -> Response[PathStat]:
    """What a path in a running container is. A symbolic link at its end is not followed.

    Args:
        container (str):
        path (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PathStat]
    """

    kwargs = _get_kwargs(
        container=container,
        path=path,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    container: str,
    *,
    client: AuthenticatedClient | Client,
    path: str,
) -> PathStat | None:
    """What a path in a running container is. A symbolic link at its end is not followed.

    Args:
        container (str):
        path (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PathStat
    """

    return (
        await asyncio_detailed(
            container=container,
            client=client,
            path=path,
        )
    ).parsed
