from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.config import Config
from ...models.content_spec import ContentSpec
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    body: ContentSpec,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/configs",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Config | None:
    if response.status_code == 201:
        response_201 = Config.from_dict(response.json())

        return response_201

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
    *,
    client: AuthenticatedClient | Client,
    body: ContentSpec,
    idempotency_key: str | Unset = UNSET,
) -> Response[Config]:
    """Create a config.

     A config is a small file for containers, kept on the card. In a container it is a
    file in memory, never on its disk or the compute host's. Containers name it in
    `configs`. Codes: `config_exists`, `invalid_name`, `content_too_large`.

    Args:
        idempotency_key (str | Unset):
        body (ContentSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Config]
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
    body: ContentSpec,
    idempotency_key: str | Unset = UNSET,
) -> Config | None:
    """Create a config.

     A config is a small file for containers, kept on the card. In a container it is a
    file in memory, never on its disk or the compute host's. Containers name it in
    `configs`. Codes: `config_exists`, `invalid_name`, `content_too_large`.

    Args:
        idempotency_key (str | Unset):
        body (ContentSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Config
    """

    return sync_detailed(
        client=client,
        body=body,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: ContentSpec,
    idempotency_key: str | Unset = UNSET,
) -> Response[Config]:
    """Create a config.

     A config is a small file for containers, kept on the card. In a container it is a
    file in memory, never on its disk or the compute host's. Containers name it in
    `configs`. Codes: `config_exists`, `invalid_name`, `content_too_large`.

    Args:
        idempotency_key (str | Unset):
        body (ContentSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Config]
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
    body: ContentSpec,
    idempotency_key: str | Unset = UNSET,
) -> Config | None:
    """Create a config.

     A config is a small file for containers, kept on the card. In a container it is a
    file in memory, never on its disk or the compute host's. Containers name it in
    `configs`. Codes: `config_exists`, `invalid_name`, `content_too_large`.

    Args:
        idempotency_key (str | Unset):
        body (ContentSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Config
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            idempotency_key=idempotency_key,
        )
    ).parsed
