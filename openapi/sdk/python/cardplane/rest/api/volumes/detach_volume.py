from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.container import Container
from ...types import Response


def _get_kwargs(
    volume: str,
    container: str,
) -> dict[str, Any]:

    _kwargs: dict[str, Any] = {
        "method": "delete",
        "url": "/v1/volumes/{volume}/containers/{container}".format(
            volume=quote(str(volume), safe=""),
            container=quote(str(container), safe=""),
        ),
    }

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
) -> Response[Container]:
    """Unmount a volume from a container, also while it runs.

     All mounts of the volume in the container go, also those of its creation. In
    one that runs it is unmounted, and where no other container of its machine
    uses it, written out and unplugged before the answer, so that others may have
    it. While a program has a file of it open, or works in it, that fails with
    `volume_busy`, and nothing has changed. Codes: `volume_not_attached`,
    `volume_busy`, `volume_not_released` (the guest keeps its disk, which is free
    at the machine's end), `volume_is_raw`, `container_changing`.

    Args:
        volume (str):
        container (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Container]
    """

    kwargs = _get_kwargs(
        volume=volume,
        container=container,
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
) -> Container | None:
    """Unmount a volume from a container, also while it runs.

     All mounts of the volume in the container go, also those of its creation. In
    one that runs it is unmounted, and where no other container of its machine
    uses it, written out and unplugged before the answer, so that others may have
    it. While a program has a file of it open, or works in it, that fails with
    `volume_busy`, and nothing has changed. Codes: `volume_not_attached`,
    `volume_busy`, `volume_not_released` (the guest keeps its disk, which is free
    at the machine's end), `volume_is_raw`, `container_changing`.

    Args:
        volume (str):
        container (str):

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
    ).parsed


async def asyncio_detailed(
    volume: str,
    container: str,
    *,
    client: AuthenticatedClient | Client,
) -> Response[Container]:
    """Unmount a volume from a container, also while it runs.

     All mounts of the volume in the container go, also those of its creation. In
    one that runs it is unmounted, and where no other container of its machine
    uses it, written out and unplugged before the answer, so that others may have
    it. While a program has a file of it open, or works in it, that fails with
    `volume_busy`, and nothing has changed. Codes: `volume_not_attached`,
    `volume_busy`, `volume_not_released` (the guest keeps its disk, which is free
    at the machine's end), `volume_is_raw`, `container_changing`.

    Args:
        volume (str):
        container (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Container]
    """

    kwargs = _get_kwargs(
        volume=volume,
        container=container,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    volume: str,
    container: str,
    *,
    client: AuthenticatedClient | Client,
) -> Container | None:
    """Unmount a volume from a container, also while it runs.

     All mounts of the volume in the container go, also those of its creation. In
    one that runs it is unmounted, and where no other container of its machine
    uses it, written out and unplugged before the answer, so that others may have
    it. While a program has a file of it open, or works in it, that fails with
    `volume_busy`, and nothing has changed. Codes: `volume_not_attached`,
    `volume_busy`, `volume_not_released` (the guest keeps its disk, which is free
    at the machine's end), `volume_is_raw`, `container_changing`.

    Args:
        volume (str):
        container (str):

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
        )
    ).parsed
