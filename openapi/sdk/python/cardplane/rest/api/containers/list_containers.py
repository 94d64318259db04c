from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.container_list import ContainerList
from ...models.container_state import ContainerState
from ...models.health_filter import HealthFilter
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    all_: bool | Unset = False,
    state: list[ContainerState] | Unset = UNSET,
    sandbox: list[str] | Unset = UNSET,
    health: list[HealthFilter] | Unset = UNSET,
    label: list[str] | Unset = UNSET,
    name: list[str] | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["all"] = all_

    json_state: list[str] | Unset = UNSET
    if not isinstance(state, Unset):
        json_state = []
        for state_item_data in state:
            state_item = state_item_data.value
            json_state.append(state_item)

    params["state"] = json_state

    json_sandbox: list[str] | Unset = UNSET
    if not isinstance(sandbox, Unset):
        json_sandbox = sandbox

    params["sandbox"] = json_sandbox

    json_health: list[str] | Unset = UNSET
    if not isinstance(health, Unset):
        json_health = []
        for health_item_data in health:
            health_item = health_item_data.value
            json_health.append(health_item)

    params["health"] = json_health

    json_label: list[str] | Unset = UNSET
    if not isinstance(label, Unset):
        json_label = label

    params["label"] = json_label

    json_name: list[str] | Unset = UNSET
    if not isinstance(name, Unset):
        json_name = name

    params["name"] = json_name

    params["limit"] = limit

    params["cursor"] = cursor

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/containers",
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> ContainerList | None:
    if response.status_code == 200:
        response_200 = ContainerList.from_dict(response.json())

        return response_200

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[ContainerList]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    all_: bool | Unset = False,
    state: list[ContainerState] | Unset = UNSET,
    sandbox: list[str] | Unset = UNSET,
    health: list[HealthFilter] | Unset = UNSET,
    label: list[str] | Unset = UNSET,
    name: list[str] | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> Response[ContainerList]:
    """List containers.

    Args:
        all_ (bool | Unset):  Default: False.
        state (list[ContainerState] | Unset):
        sandbox (list[str] | Unset):
        health (list[HealthFilter] | Unset):
        label (list[str] | Unset):
        name (list[str] | Unset):
        limit (int | Unset):  Default: 100.
        cursor (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ContainerList]
    """

    kwargs = _get_kwargs(
        all_=all_,
        state=state,
        sandbox=sandbox,
        health=health,
        label=label,
        name=name,
        limit=limit,
        cursor=cursor,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    all_: bool | Unset = False,
    state: list[ContainerState] | Unset = UNSET,
    sandbox: list[str] | Unset = UNSET,
    health: list[HealthFilter] | Unset = UNSET,
    label: list[str] | Unset = UNSET,
    name: list[str] | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> ContainerList | None:
    """List containers.

    Args:
        all_ (bool | Unset):  Default: False.
        state (list[ContainerState] | Unset):
        sandbox (list[str] | Unset):
        health (list[HealthFilter] | Unset):
        label (list[str] | Unset):
        name (list[str] | Unset):
        limit (int | Unset):  Default: 100.
        cursor (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ContainerList
    """

    return sync_detailed(
        client=client,
        all_=all_,
        state=state,
        sandbox=sandbox,
        health=health,
        label=label,
        name=name,
        limit=limit,
        cursor=cursor,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    all_: bool | Unset = False,
    state: list[ContainerState] | Unset = UNSET,
    sandbox: list[str] | Unset = UNSET,
    health: list[HealthFilter] | Unset = UNSET,
    label: list[str] | Unset = UNSET,
    name: list[str] | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> Response[ContainerList]:
    """List containers.

    Args:
        all_ (bool | Unset):  Default: False.
        state (list[ContainerState] | Unset):
        sandbox (list[str] | Unset):
        health (list[HealthFilter] | Unset):
        label (list[str] | Unset):
        name (list[str] | Unset):
        limit (int | Unset):  Default: 100.
        cursor (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ContainerList]
    """

    kwargs = _get_kwargs(
        all_=all_,
        state=state,
        sandbox=sandbox,
        health=health,
        label=label,
        name=name,
        limit=limit,
        cursor=cursor,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    all_: bool | Unset = False,
    state: list[ContainerState] | Unset = UNSET,
    sandbox: list[str] | Unset = UNSET,
    health: list[HealthFilter] | Unset = UNSET,
    label: list[str] | Unset = UNSET,
    name: list[str] | Unset = UNSET,
    limit: int | Unset = 100,
    cursor: str | Unset = UNSET,
) -> ContainerList | None:
    """List containers.

    Args:
        all_ (bool | Unset):  Default: False.
        state (list[ContainerState] | Unset):
        sandbox (list[str] | Unset):
        health (list[HealthFilter] | Unset):
        label (list[str] | Unset):
        name (list[str] | Unset):
        limit (int | Unset):  Default: 100.
        cursor (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ContainerList
    """

    return (
        await asyncio_detailed(
            client=client,
            all_=all_,
            state=state,
            sandbox=sandbox,
            health=health,
            label=label,
            name=name,
            limit=limit,
            cursor=cursor,
        )
    ).parsed
