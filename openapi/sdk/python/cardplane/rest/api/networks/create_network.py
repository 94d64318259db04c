from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.network import Network
from ...models.network_spec import NetworkSpec
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    body: NetworkSpec,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/networks",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Network | None:
    if response.status_code == 201:
        response_201 = Network.from_dict(response.json())

        return response_201

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Network]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: NetworkSpec,
    idempotency_key: str | Unset = UNSET,
) -> Response[Network]:
    """Create a network.

     Containers on a network find each other by name. A network that is given
    no subnet gets one that overlaps neither another network nor what the
    compute host uses itself. On the host it exists while a container runs
    on it. The network `default` is made at its first use.

    Where the compute host can have no networks they are in *user mode*: they
    run in the card's own process, unless that was declined. Everything is as
    on the host, but for this: what guests say to the outside is TCP and UDP
    alone and comes from the card's addresses, connections through the card
    break off with its process, and ports are published on the card's machine
    (`port_denied`: its process may not listen there).

    Codes: `network_exists`, `invalid_name`, `invalid_subnet`,
    `invalid_gateway`, `subnet_overlaps` (the sentence says with what),
    `subnets_exhausted`, `invalid_mtu`, `network_unavailable` (there
    can be none, with the reason), `host_unavailable`.

    Args:
        idempotency_key (str | Unset):
        body (NetworkSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Network]
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
    body: NetworkSpec,
    idempotency_key: str | Unset = UNSET,
) -> Network | None:
    """Create a network.

     Containers on a network find each other by name. A network that is given
    no subnet gets one that overlaps neither another network nor what the
    compute host uses itself. On the host it exists while a container runs
    on it. The network `default` is made at its first use.

    Where the compute host can have no networks they are in *user mode*: they
    run in the card's own process, unless that was declined. Everything is as
    on the host, but for this: what guests say to the outside is TCP and UDP
    alone and comes from the card's addresses, connections through the card
    break off with its process, and ports are published on the card's machine
    (`port_denied`: its process may not listen there).

    Codes: `network_exists`, `invalid_name`, `invalid_subnet`,
    `invalid_gateway`, `subnet_overlaps` (the sentence says with what),
    `subnets_exhausted`, `invalid_mtu`, `network_unavailable` (there
    can be none, with the reason), `host_unavailable`.

    Args:
        idempotency_key (str | Unset):
        body (NetworkSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Network
    """

    return sync_detailed(
        client=client,
        body=body,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: NetworkSpec,
    idempotency_key: str | Unset = UNSET,
) -> Response[Network]:
    """Create a network.

     Containers on a network find each other by name. A network that is given
    no subnet gets one that overlaps neither another network nor what the
    compute host uses itself. On the host it exists while a container runs
    on it. The network `default` is made at its first use.

    Where the compute host can have no networks they are in *user mode*: they
    run in the card's own process, unless that was declined. Everything is as
    on the host, but for this: what guests say to the outside is TCP and UDP
    alone and comes from the card's addresses, connections through the card
    break off with its process, and ports are published on the card's machine
    (`port_denied`: its process may not listen there).

    Codes: `network_exists`, `invalid_name`, `invalid_subnet`,
    `invalid_gateway`, `subnet_overlaps` (the sentence says with what),
    `subnets_exhausted`, `invalid_mtu`, `network_unavailable` (there
    can be none, with the reason), `host_unavailable`.

    Args:
        idempotency_key (str | Unset):
        body (NetworkSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Network]
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
    body: NetworkSpec,
    idempotency_key: str | Unset = UNSET,
) -> Network | None:
    """Create a network.

     Containers on a network find each other by name. A network that is given
    no subnet gets one that overlaps neither another network nor what the
    compute host uses itself. On the host it exists while a container runs
    on it. The network `default` is made at its first use.

    Where the compute host can have no networks they are in *user mode*: they
    run in the card's own process, unless that was declined. Everything is as
    on the host, but for this: what guests say to the outside is TCP and UDP
    alone and comes from the card's addresses, connections through the card
    break off with its process, and ports are published on the card's machine
    (`port_denied`: its process may not listen there).

    Codes: `network_exists`, `invalid_name`, `invalid_subnet`,
    `invalid_gateway`, `subnet_overlaps` (the sentence says with what),
    `subnets_exhausted`, `invalid_mtu`, `network_unavailable` (there
    can be none, with the reason), `host_unavailable`.

    Args:
        idempotency_key (str | Unset):
        body (NetworkSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Network
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            idempotency_key=idempotency_key,
        )
    ).parsed
