from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.container import Container
from ...models.nic_options import NicOptions
from ...types import Response


def _get_kwargs(
    network: str,
    container: str,
    *,
    body: NicOptions,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "put",
        "url": "/v1/networks/{network}/containers/{container}".format(
            network=quote(str(network), safe=""),
            container=quote(str(container), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
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
    body: NicOptions,
) -> Response[Container]:
    """Give a container an interface on a network, also while it runs.

     The body says what the interface has; its `network` is left out. Codes:
    `network_connected`, and those of `networks` at a container's creation
    and start.

    Args:
        network (str):
        container (str):
        body (NicOptions):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Container]
    """

    kwargs = _get_kwargs(
        network=network,
        container=container,
        body=body,
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
    body: NicOptions,
) -> Container | None:
    """Give a container an interface on a network, also while it runs.

     The body says what the interface has; its `network` is left out. Codes:
    `network_connected`, and those of `networks` at a container's creation
    and start.

    Args:
        network (str):
        container (str):
        body (NicOptions):

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
        body=body,
    ).parsed


async def asyncio_detailed(
    network: str,
    container: str,
    *,
    client: AuthenticatedClient | Client,
    body: NicOptions,
) -> Response[Container]:
    """Give a container an interface on a network, also while it runs.

     The body says what the interface has; its `network` is left out. Codes:
    `network_connected`, and those of `networks` at a container's creation
    and start.

    Args:
        network (str):
        container (str):
        body (NicOptions):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Container]
    """

    kwargs = _get_kwargs(
        network=network,
        container=container,
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    network: str,
    container: str,
    *,
    client: AuthenticatedClient | Client,
    body: NicOptions,
) -> Container | None:
    """Give a container an interface on a network, also while it runs.

     The body says what the interface has; its `network` is left out. Codes:
    `network_connected`, and those of `networks` at a container's creation
    and start.

    Args:
        network (str):
        container (str):
        body (NicOptions):

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
            body=body,
        )
    ).parsed
