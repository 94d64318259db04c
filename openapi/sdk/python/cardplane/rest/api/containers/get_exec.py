from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.exec_ import Exec
from ...types import Response


def _get_kwargs(
    container: str,
    exec_: str,
) -> dict[str, Any]:

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/containers/{container}/execs/{exec_}".format(
            container=quote(str(container), safe=""),
            exec_=quote(str(exec_), safe=""),
        ),
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Exec | None:
    if response.status_code == 200:
        response_200 = Exec.from_dict(response.json())

        return response_200

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
    exec_: str,
    *,
    client: AuthenticatedClient | Client,
) -> Response[Exec]:
    """One exec.

    Args:
        container (str):
        exec_ (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Exec]
    """

    kwargs = _get_kwargs(
        container=container,
        exec_=exec_,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    container: str,
    exec_: str,
    *,
    client: AuthenticatedClient | Client,
) -> Exec | None:
    """One exec.

    Args:
        container (str):
        exec_ (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Exec
    """

    return sync_detailed(
        container=container,
        exec_=exec_,
        client=client,
    ).parsed


async def asyncio_detailed(
    container: str,
    exec_: str,
    *,
    client: AuthenticatedClient | Client,
) -> Response[Exec]:
    """One exec.

    Args:
        container (str):
        exec_ (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Exec]
    """

    kwargs = _get_kwargs(
        container=container,
        exec_=exec_,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    container: str,
    exec_: str,
    *,
    client: AuthenticatedClient | Client,
) -> Exec | None:
    """One exec.

    Args:
        container (str):
        exec_ (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Exec
    """

    return (
        await asyncio_detailed(
            container=container,
            exec_=exec_,
            client=client,
        )
    ).parsed
