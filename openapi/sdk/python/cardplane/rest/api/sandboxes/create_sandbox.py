from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.sandbox import Sandbox
from ...models.sandbox_spec import SandboxSpec
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    body: SandboxSpec,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/sandboxes",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Sandbox | None:
    if response.status_code == 201:
        response_201 = Sandbox.from_dict(response.json())

        return response_201

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Sandbox]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: SandboxSpec,
    idempotency_key: str | Unset = UNSET,
) -> Response[Sandbox]:
    """Create a sandbox, a virtual machine for several containers.

     A container that names a sandbox runs in the sandbox's VM. Its VM is
    booted when the first of its containers starts, and switched off when
    the last of them has ended; until then, and after, it is a record.

    The containers of a sandbox have the sandbox's networks, addresses and
    published ports, and one loopback, so that each reaches the others on
    127.0.0.1. On the networks each container's name leads to the VM. They
    have one host name (the sandbox's), one System V and POSIX IPC and one
    /dev/shm. Root file systems, process ids and limits
    are each container's own. Kernel parameters are the VM's: the last one
    who sets one sets it for all. They may write to the same volume; the
    volume is the VM's until its end, or until it is detached.

    The end of one container leaves the others. The end of the VM is the end
    of all, and those that are started again share a new one. A VM has up to
    24 disks (one for each image, writable layer and volume), beyond which a
    start fails with `sandbox_full`. Codes:
    `sandbox_exists`, `invalid_name`, and those of a container's resources
    and networks.

    Args:
        idempotency_key (str | Unset):
        body (SandboxSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Sandbox]
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
    body: SandboxSpec,
    idempotency_key: str | Unset = UNSET,
) -> Sandbox | None:
    """Create a sandbox, a virtual machine for several containers.

     A container that names a sandbox runs in the sandbox's VM. Its VM is
    booted when the first of its containers starts, and switched off when
    the last of them has ended; until then, and after, it is a record.

    The containers of a sandbox have the sandbox's networks, addresses and
    published ports, and one loopback, so that each reaches the others on
    127.0.0.1. On the networks each container's name leads to the VM. They
    have one host name (the sandbox's), one System V and POSIX IPC and one
    /dev/shm. Root file systems, process ids and limits
    are each container's own. Kernel parameters are the VM's: the last one
    who sets one sets it for all. They may write to the same volume; the
    volume is the VM's until its end, or until it is detached.

    The end of one container leaves the others. The end of the VM is the end
    of all, and those that are started again share a new one. A VM has up to
    24 disks (one for each image, writable layer and volume), beyond which a
    start fails with `sandbox_full`. Codes:
    `sandbox_exists`, `invalid_name`, and those of a container's resources
    and networks.

    Args:
        idempotency_key (str | Unset):
        body (SandboxSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Sandbox
    """

    return sync_detailed(
        client=client,
        body=body,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: SandboxSpec,
    idempotency_key: str | Unset = UNSET,
) -> Response[Sandbox]:
    """Create a sandbox, a virtual machine for several containers.

     A container that names a sandbox runs in the sandbox's VM. Its VM is
    booted when the first of its containers starts, and switched off when
    the last of them has ended; until then, and after, it is a record.

    The containers of a sandbox have the sandbox's networks, addresses and
    published ports, and one loopback, so that each reaches the others on
    127.0.0.1. On the networks each container's name leads to the VM. They
    have one host name (the sandbox's), one System V and POSIX IPC and one
    /dev/shm. Root file systems, process ids and limits
    are each container's own. Kernel parameters are the VM's: the last one
    who sets one sets it for all. They may write to the same volume; the
    volume is the VM's until its end, or until it is detached.

    The end of one container leaves the others. The end of the VM is the end
    of all, and those that are started again share a new one. A VM has up to
    24 disks (one for each image, writable layer and volume), beyond which a
    start fails with `sandbox_full`. Codes:
    `sandbox_exists`, `invalid_name`, and those of a container's resources
    and networks.

    Args:
        idempotency_key (str | Unset):
        body (SandboxSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Sandbox]
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
    body: SandboxSpec,
    idempotency_key: str | Unset = UNSET,
) -> Sandbox | None:
    """Create a sandbox, a virtual machine for several containers.

     A container that names a sandbox runs in the sandbox's VM. Its VM is
    booted when the first of its containers starts, and switched off when
    the last of them has ended; until then, and after, it is a record.

    The containers of a sandbox have the sandbox's networks, addresses and
    published ports, and one loopback, so that each reaches the others on
    127.0.0.1. On the networks each container's name leads to the VM. They
    have one host name (the sandbox's), one System V and POSIX IPC and one
    /dev/shm. Root file systems, process ids and limits
    are each container's own. Kernel parameters are the VM's: the last one
    who sets one sets it for all. They may write to the same volume; the
    volume is the VM's until its end, or until it is detached.

    The end of one container leaves the others. The end of the VM is the end
    of all, and those that are started again share a new one. A VM has up to
    24 disks (one for each image, writable layer and volume), beyond which a
    start fails with `sandbox_full`. Codes:
    `sandbox_exists`, `invalid_name`, and those of a container's resources
    and networks.

    Args:
        idempotency_key (str | Unset):
        body (SandboxSpec):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Sandbox
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            idempotency_key=idempotency_key,
        )
    ).parsed
