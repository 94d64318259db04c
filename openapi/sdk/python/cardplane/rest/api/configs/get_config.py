from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.config import Config
from ...types import Response


def _get_kwargs(
    config: str,
) -> dict[str, Any]:

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/configs/{config}".format(
            config=quote(str(config), safe=""),
        ),
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Config | None:
    if response.status_code == 200:
        response_200 = Config.from_dict(response.json())

        return response_200

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Config]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    config: str,
    *,
    client: AuthenticatedClient | Client,
) -> Response[Config]:
    """One config.

     With its content, which lists and changes leave out.

    Args:
        config (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Config]
    """

    kwargs = _get_kwargs(
        config=config,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    config: str,
    *,
    client: AuthenticatedClient | Client,
) -> Config | None:
    """One config.

     With its content, which lists and changes leave out.

    Args:
        config (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Config
    """

    return sync_detailed(
        config=config,
        client=client,
    ).parsed


async def asyncio_detailed(
    config: str,
    *,
    client: AuthenticatedClient | Client,
) -> Response[Config]:
    """One config.

     With its content, which lists and changes leave out.

    Args:
        config (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Config]
    """

    kwargs = _get_kwargs(
        config=config,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    config: str,
    *,
    client: AuthenticatedClient | Client,
) -> Config | None:
    """One config.

     With its content, which lists and changes leave out.

    Args:
        config (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Config
    """

    return (
        await asyncio_detailed(
            config=config,
            client=client,
        )
    ).parsed
