from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.content_spec import ContentSpec
from ...models.secret import Secret
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
        "url": "/v1/secrets",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Secret | None:
    if response.status_code == 201:
        response_201 = Secret.from_dict(response.json())

        return response_201

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Secret]:
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
) -> Response[Secret]:
    """Create a secret.

     A secret is a config whose content nobody is given back: no answer, event or log
    has it, only its size and version. On the card it is kept in the state file,
    which only cardplaned's user may read. In a container it is a file in memory, never on its disk or
    the compute host's. Containers name it in
    `secrets`. Codes: `secret_exists`, `invalid_name`, `content_too_large`.

    Args:
        idempotency_key (str | Unset):
        body (ContentSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Secret]
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
) -> Secret | None:
    """Create a secret.

     A secret is a config whose content nobody is given back: no answer, event or log
    has it, only its size and version. On the card it is kept in the state file,
    which only cardplaned's user may read. In a container it is a file in memory, never on its disk or
    the compute host's. Containers name it in
    `secrets`. Codes: `secret_exists`, `invalid_name`, `content_too_large`.

    Args:
        idempotency_key (str | Unset):
        body (ContentSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Secret
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
) -> Response[Secret]:
    """Create a secret.

     A secret is a config whose content nobody is given back: no answer, event or log
    has it, only its size and version. On the card it is kept in the state file,
    which only cardplaned's user may read. In a container it is a file in memory, never on its disk or
    the compute host's. Containers name it in
    `secrets`. Codes: `secret_exists`, `invalid_name`, `content_too_large`.

    Args:
        idempotency_key (str | Unset):
        body (ContentSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Secret]
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
) -> Secret | None:
    """Create a secret.

     A secret is a config whose content nobody is given back: no answer, event or log
    has it, only its size and version. On the card it is kept in the state file,
    which only cardplaned's user may read. In a container it is a file in memory, never on its disk or
    the compute host's. Containers name it in
    `secrets`. Codes: `secret_exists`, `invalid_name`, `content_too_large`.

    Args:
        idempotency_key (str | Unset):
        body (ContentSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Secret
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            idempotency_key=idempotency_key,
        )
    ).parsed
