from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.container import Container
from ...models.container_update import ContainerUpdate
from ...types import UNSET, Response, Unset


def _get_kwargs(
    container: str,
    *,
    body: ContainerUpdate,
    if_match: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(if_match, Unset):
        headers["If-Match"] = if_match

    _kwargs: dict[str, Any] = {
        "method": "patch",
        "url": "/v1/containers/{container}".format(
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
    container: str,
    *,
    client: AuthenticatedClient | Client,
    body: ContainerUpdate,
    if_match: str | Unset = UNSET,
) -> Response[Container]:
    """Change a container, in any state but `starting`.

     What the body does not have stays as it is; a label that is null goes.
    Of a running container the limits change at once, within the size of
    its VM: less memory or CPU time than the VM has, and `pidsLimit`. What
    is more than the VM has counts from the next start on; `pending` in the
    answer names it. A memory limit below what the programs hold is refused
    with `memory_in_use`. After an error nothing has changed. When the
    compute host is away the error is `host_unavailable`, and the limits
    change when it is back.

    Args:
        container (str):
        if_match (str | Unset):
        body (ContainerUpdate):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Container]
    """

    kwargs = _get_kwargs(
        container=container,
        body=body,
        if_match=if_match,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    container: str,
    *,
    client: AuthenticatedClient | Client,
    body: ContainerUpdate,
    if_match: str | Unset = UNSET,
) -> Container | None:
    """Change a container, in any state but `starting`.

     What the body does not have stays as it is; a label that is null goes.
    Of a running container the limits change at once, within the size of
    its VM: less memory or CPU time than the VM has, and `pidsLimit`. What
    is more than the VM has counts from the next start on; `pending` in the
    answer names it. A memory limit below what the programs hold is refused
    with `memory_in_use`. After an error nothing has changed. When the
    compute host is away the error is `host_unavailable`, and the limits
    change when it is back.

    Args:
        container (str):
        if_match (str | Unset):
        body (ContainerUpdate):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Container
    """

    return sync_detailed(
        container=container,
        client=client,
        body=body,
        if_match=if_match,
    ).parsed


async def asyncio_detailed(
    container: str,
    *,
    client: AuthenticatedClient | Client,
    body: ContainerUpdate,
    if_match: str | Unset = UNSET,
) -> Response[Container]:
    """Change a container, in any state but `starting`.

     What the body does not have stays as it is; a label that is null goes.
    Of a running container the limits change at once, within the size of
    its VM: less memory or CPU time than the VM has, and `pidsLimit`. What
    is more than the VM has counts from the next start on; `pending` in the
    answer names it. A memory limit below what the programs hold is refused
    with `memory_in_use`. After an error nothing has changed. When the
    compute host is away the error is `host_unavailable`, and the limits
    change when it is back.

    Args:
        container (str):
        if_match (str | Unset):
        body (ContainerUpdate):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Container]
    """

    kwargs = _get_kwargs(
        container=container,
        body=body,
        if_match=if_match,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    container: str,
    *,
    client: AuthenticatedClient | Client,
    body: ContainerUpdate,
    if_match: str | Unset = UNSET,
) -> Container | None:
    """Change a container, in any state but `starting`.

     What the body does not have stays as it is; a label that is null goes.
    Of a running container the limits change at once, within the size of
    its VM: less memory or CPU time than the VM has, and `pidsLimit`. What
    is more than the VM has counts from the next start on; `pending` in the
    answer names it. A memory limit below what the programs hold is refused
    with `memory_in_use`. After an error nothing has changed. When the
    compute host is away the error is `host_unavailable`, and the limits
    change when it is back.

    Args:
        container (str):
        if_match (str | Unset):
        body (ContainerUpdate):

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
            body=body,
            if_match=if_match,
        )
    ).parsed
