from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.container import Container
from ...models.wait_condition import WaitCondition
from ...types import UNSET, Response, Unset


def _get_kwargs(
    container: str,
    *,
    timeout_seconds: int | Unset = 60,
    condition: WaitCondition | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["timeoutSeconds"] = timeout_seconds

    json_condition: str | Unset = UNSET
    if not isinstance(condition, Unset):
        json_condition = condition.value

    params["condition"] = json_condition

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/containers/{container}/wait".format(
            container=quote(str(container), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Container | None:
    if response.status_code == 200:
        response_200 = Container.from_dict(response.json())

        return response_200

    if response.status_code == 202:
        response_202 = Container.from_dict(response.json())

        return response_202

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
    timeout_seconds: int | Unset = 60,
    condition: WaitCondition | Unset = UNSET,
) -> Response[Container]:
    """Answer once the container has ended, or with its present state when the time is over.

    Args:
        container (str):
        timeout_seconds (int | Unset):  Default: 60.
        condition (WaitCondition | Unset): What is waited for.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Container]
    """

    kwargs = _get_kwargs(
        container=container,
        timeout_seconds=timeout_seconds,
        condition=condition,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    container: str,
    *,
    client: AuthenticatedClient | Client,
    timeout_seconds: int | Unset = 60,
    condition: WaitCondition | Unset = UNSET,
) -> Container | None:
    """Answer once the container has ended, or with its present state when the time is over.

    Args:
        container (str):
        timeout_seconds (int | Unset):  Default: 60.
        condition (WaitCondition | Unset): What is waited for.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Container
    """

    return sync_detailed(
        container=container,
        client=client,
        timeout_seconds=timeout_seconds,
        condition=condition,
    ).parsed


async def asyncio_detailed(
    container: str,
    *,
    client: AuthenticatedClient | Client,
    timeout_seconds: int | Unset = 60,
    condition: WaitCondition | Unset = UNSET,
) -> Response[Container]:
    """Answer once the container has ended, or with its present state when the time is over.

    Args:
        container (str):
        timeout_seconds (int | Unset):  Default: 60.
        condition (WaitCondition | Unset): What is waited for.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Container]
    """

    kwargs = _get_kwargs(
        container=container,
        timeout_seconds=timeout_seconds,
        condition=condition,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    container: str,
    *,
    client: AuthenticatedClient | Client,
    timeout_seconds: int | Unset = 60,
    condition: WaitCondition | Unset = UNSET,
) -> Container | None:
    """Answer once the container has ended, or with its present state when the time is over.

    Args:
        container (str):
        timeout_seconds (int | Unset):  Default: 60.
        condition (WaitCondition | Unset): What is waited for.

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
            timeout_seconds=timeout_seconds,
            condition=condition,
        )
    ).parsed
