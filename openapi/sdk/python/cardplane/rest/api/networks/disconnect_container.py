from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.container import Container
from ...types import Response


def _get_kwargs(
    network: str,
    container: str,
) -> dict[str, Any]:

    _kwargs: dict[str, Any] = {
        "method": "delete",
        "url": "/v1/networks/{network}/containers/{container}".format(
            network=quote(str(network), safe=""),
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
    network: str,
    container: str,
    *,
    client: AuthenticatedClient | Client,
) -> Response[Container]:
    """Take a container off a network, also while it runs.

     Codes: `network_not_connected`, `ports_published` (its published ports
    lead over this network).

    Args:
        network (str):
        container (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Container]
    """

    kwargs = _get_kwargs(
        network=network,
        container=container,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    network: str,
    container: str,
    *,
    client: AuthenticatedClient | Client,
) -> Container | None:
    """Take a container off a network, also while it runs.

     Codes: `network_not_connected`, `ports_published` (its published ports
    lead over this network).

    Args:
        network (str):
        container (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Container
    """

    return sync_detailed(
        network=network,
        container=container,
        client=client,
    ).parsed


async def asyncio_detailed(
    network: str,
    container: str,
    *,
    client: AuthenticatedClient | Client,
) -> Response[Container]:
    """Take a container off a network, also while it runs.

     Codes: `network_not_connected`, `ports_published` (its published ports
    lead over this network).

    Args:
        network (str):
        container (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Container]
    """

    kwargs = _get_kwargs(
        network=network,
        container=container,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    network: str,
    container: str,
    *,
    client: AuthenticatedClient | Client,
) -> Container | None:
    """Take a container off a network, also while it runs.

     Codes: `network_not_connected`, `ports_published` (its published ports
    lead over this network).

    Args:
        network (str):
        container (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Container
    """

    return (
        await asyncio_detailed(
            network=network,
            container=container,
            client=client,
        )
    ).parsed
