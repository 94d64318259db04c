from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.container import Container
from ...models.mount_options import MountOptions
from ...types import Response


def _get_kwargs(
    volume: str,
    container: str,
    *,
    body: MountOptions,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "put",
        "url": "/v1/volumes/{volume}/containers/{container}".format(
            volume=quote(str(volume), safe=""),
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
    volume: str,
    container: str,
    *,
    client: AuthenticatedClient | Client,
    body: MountOptions,
) -> Response[Container]:
    """Mount a volume in a container, also while it runs.

     The body is a mount as in `volumes` at a container's creation, without its
    `volume`, which must exist. The container has it at its next starts too. In
    one that runs, its disk is plugged in and mounted before the answer; a
    directory that is missing is made, and symbolic links are followed within
    the container's root. After an error nothing has changed, unless the code is
    `host_unavailable`: then it is done, or taken back, when the compute host is
    back. Codes: `volume_in_use`, `invalid_volume_path` (also for a path at which
    the container has a volume), `invalid_volume_subpath`, `too_many_volumes`,
    `path_conflict` (what is at the path is no directory), `container_changing`,
    `volume_is_raw`, `sandbox_full`, `disk_full`.

    Args:
        volume (str):
        container (str):
        body (MountOptions):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Container]
    """

    kwargs = _get_kwargs(
        volume=volume,
        container=container,
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    volume: str,
    container: str,
    *,
    client: AuthenticatedClient | Client,
    body: MountOptions,
) -> Container | None:
    """Mount a volume in a container, also while it runs.

     The body is a mount as in `volumes` at a container's creation, without its
    `volume`, which must exist. The container has it at its next starts too. In
    one that runs, its disk is plugged in and mounted before the answer; a
    directory that is missing is made, and symbolic links are followed within
    the container's root. After an error nothing has changed, unless the code is
    `host_unavailable`: then it is done, or taken back, when the compute host is
    back. Codes: `volume_in_use`, `invalid_volume_path` (also for a path at which
    the container has a volume), `invalid_volume_subpath`, `too_many_volumes`,
    `path_conflict` (what is at the path is no directory), `container_changing`,
    `volume_is_raw`, `sandbox_full`, `disk_full`.

    Args:
        volume (str):
        container (str):
        body (MountOptions):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Container
    """

    return sync_detailed(
        volume=volume,
        container=container,
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    volume: str,
    container: str,
    *,
    client: AuthenticatedClient | Client,
    body: MountOptions,
) -> Response[Container]:
    """Mount a volume in a container, also while it runs.

     The body is a mount as in `volumes` at a container's creation, without its
    `volume`, which must exist. The container has it at its next starts too. In
    one that runs, its disk is plugged in and mounted before the answer; a
    directory that is missing is made, and symbolic links are followed within
    the container's root. After an error nothing has changed, unless the code is
    `host_unavailable`: then it is done, or taken back, when the compute host is
    back. Codes: `volume_in_use`, `invalid_volume_path` (also for a path at which
    the container has a volume), `invalid_volume_subpath`, `too_many_volumes`,
    `path_conflict` (what is at the path is no directory), `container_changing`,
    `volume_is_raw`, `sandbox_full`, `disk_full`.

    Args:
        volume (str):
        container (str):
        body (MountOptions):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Container]
    """

    kwargs = _get_kwargs(
        volume=volume,
        container=container,
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    volume: str,
    container: str,
    *,
    client: AuthenticatedClient | Client,
    body: MountOptions,
) -> Container | None:
    """Mount a volume in a container, also while it runs.

     The body is a mount as in `volumes` at a container's creation, without its
    `volume`, which must exist. The container has it at its next starts too. In
    one that runs, its disk is plugged in and mounted before the answer; a
    directory that is missing is made, and symbolic links are followed within
    the container's root. After an error nothing has changed, unless the code is
    `host_unavailable`: then it is done, or taken back, when the compute host is
    back. Codes: `volume_in_use`, `invalid_volume_path` (also for a path at which
    the container has a volume), `invalid_volume_subpath`, `too_many_volumes`,
    `path_conflict` (what is at the path is no directory), `container_changing`,
    `volume_is_raw`, `sandbox_full`, `disk_full`.

    Args:
        volume (str):
        container (str):
        body (MountOptions):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Container
    """

    return (
        await asyncio_detailed(
            volume=volume,
            container=container,
            client=client,
            body=body,
        )
    ).parsed
