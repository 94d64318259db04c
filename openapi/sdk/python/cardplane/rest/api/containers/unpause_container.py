from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.container import Container
from ...types import Response


def _get_kwargs(
    container: str,
) -> dict[str, Any]:

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/containers/{container}/unpause".format(
            container=quote(str(container), safe=""),
        ),
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Container | None:
    if response.status_code == 200:
        response_200 = Container.from_dict(response.json())

        return response_200

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Container]:
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
) -> Response[Container]:
    """Let the processes of a paused container go on.

    Args:
        container (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Container]
    """

    kwargs = _get_kwargs(
        container=container,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    container: str,
    *,
    client: AuthenticatedClient | Client,
) -> Container | None:
    """Let the processes of a paused container go on.

    Args:
        container (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Container
    """

    return sync_detailed(
        container=container,
        client=client,
    ).parsed


async def asyncio_detailed(
    container: str,
    *,
    client: AuthenticatedClient | Client,
) -> Response[Container]:
    """Let the processes of a paused container go on.

    Args:
        container (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Container]
    """

    kwargs = _get_kwargs(
        container=container,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    container: str,
    *,
    client: AuthenticatedClient | Client,
) -> Container | None:
    """Let the processes of a paused container go on.

    Args:
        container (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Container
    """

    return (
        await asyncio_detailed(
            container=container,
            client=client,
        )
    ).parsed
