from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.exec_ import Exec
from ...models.exec_spec import ExecSpec
from ...types import UNSET, Response, Unset


def _get_kwargs(
    container: str,
    *,
    body: ExecSpec,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/containers/{container}/execs".format(
            container=quote(str(container), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Exec | None:
    if response.status_code == 201:
        response_201 = Exec.from_dict(response.json())

        return response_201

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Exec]:
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
    body: ExecSpec,
    idempotency_key: str | Unset = UNSET,
) -> Response[Exec]:
    """Start another process in a running container. Its output is kept, within its buffer, until somebody
    attaches.

    Args:
        container (str):
        idempotency_key (str | Unset):
        body (ExecSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Exec]
    """

    kwargs = _get_kwargs(
        container=container,
        body=body,
        idempotency_key=idempotency_key,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    container: str,
    *,
    client: AuthenticatedClient | Client,
    body: ExecSpec,
    idempotency_key: str | Unset = UNSET,
) -> Exec | None:
    """Start another process in a running container. Its output is kept, within its buffer, until somebody
    attaches.

    Args:
        container (str):
        idempotency_key (str | Unset):
        body (ExecSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Exec
    """

    return sync_detailed(
        container=container,
        client=client,
        body=body,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    container: str,
    *,
    client: AuthenticatedClient | Client,
    body: ExecSpec,
    idempotency_key: str | Unset = UNSET,
) -> Response[Exec]:
    """Start another process in a running container. Its output is kept, within its buffer, until somebody
    attaches.

    Args:
        container (str):
        idempotency_key (str | Unset):
        body (ExecSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Exec]
    """

    kwargs = _get_kwargs(
        container=container,
        body=body,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    container: str,
    *,
    client: AuthenticatedClient | Client,
    body: ExecSpec,
    idempotency_key: str | Unset = UNSET,
) -> Exec | None:
    """Start another process in a running container. Its output is kept, within its buffer, until somebody
    attaches.

    Args:
        container (str):
        idempotency_key (str | Unset):
        body (ExecSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Exec
    """

    return (
        await asyncio_detailed(
            container=container,
            client=client,
            body=body,
            idempotency_key=idempotency_key,
        )
    ).parsed
