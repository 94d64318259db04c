from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.container_state import ContainerState
from ..models.end_reason import EndReason
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.container_spec import ContainerSpec
    from ..models.guest_info import GuestInfo
    from ..models.health import Health
    from ..models.interface import Interface
    from ..models.problem import Problem
    from ..models.published_port import PublishedPort
    from ..models.timing import Timing


T = TypeVar("T", bound="Container")


@_attrs_define
class Container:
    """
    Example:
        {'id': '3f2b8c1d9e4a5f60718293a4b5c6d7e8', 'name': 'web-1', 'sandboxId': 'a1b2c3d4-0011223344556677', 'imageId':
            'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08', 'state': 'exited', 'spec': {'image':
            'python:3.11', 'name': 'web-1', 'command': ['python3', '-c', 'print(2**100)'], 'labels': {'tier': 'front'}},
            'createdAt': '2026-01-02T15:04:05Z', 'startedAt': '2026-01-02T15:04:06Z', 'finishedAt': '2026-01-02T15:04:07Z',
            'exitCode': 0}

    Attributes:
        id (str): 32 hexadecimal digits.
        name (str):
        sandbox_id (str): The VM of the present or last run, which several containers share where `spec.sandbox` is set.
        image_id (str):
        state (ContainerState): created → starting → running → stopping → exited. The processes of a
            `paused` container stand still until it runs again. A container that
            could not be started, or whose VM was lost, is `failed`; `error` says
            why. An exited or failed container can be started again; one whose
            restart policy does so is `restarting` until then.
        spec (ContainerSpec):
        created_at (datetime.datetime):
        reason (str | Unset): What a container in a transient state is waiting for, and any active one while the compute
            host cannot be reached.
        started_at (datetime.datetime | Unset):
        finished_at (datetime.datetime | Unset):
        exit_code (int | Unset): The program's exit code, 128+n when signal n ended it. Present once it has ended.
        pending (list[str] | Unset): Fields of `spec.resources` whose values count from the next start on, because the
            running VM is smaller.
        end_reason (EndReason | Unset): How the latest run has ended. exited: the program has returned its exit
            code. signaled: a signal has ended it. oom: the guest's kernel has
            killed it because the container had reached its own memory limit.
            guest_oom: because the whole VM had no memory left. guest_panic: the
            guest's kernel has panicked. vmm_died: the VMM has ended. vm_lost: the
            VM has rebooted, powered off or become unresponsive, or the compute
            host no longer has it. start_failed: the program was not started.
        signal (int | Unset): The signal that has ended the program. Present where one has.
        oom_killed (bool | Unset): The guest's kernel killed a process of the container for lack of memory.
        health (Health | Unset): What the health check has found in the present or last run. It begins
            anew at each start. Of it only `status` counts for the container's ETag.
        interfaces (list[Interface] | Unset):
        ports (list[PublishedPort] | Unset): What is published by the present or last run; `hostPort` is always there.
        network_reason (str | Unset): Why it has no network although none was asked for, or why its networks are in user
            mode.
        restart_count (int | Unset): How often the restart policy has started it again since somebody has started it.
        error (Problem | Unset):  Example: {'type': 'about:blank', 'title': 'Not Found', 'status': 404, 'class':
            'not_found', 'code': 'image_not_found', 'detail': 'there is no image "x"; load it with `cardctl load` or pull it
            with `cardctl pull x`'}.
        guest (GuestInfo | Unset): The VM of the present or last run.
        timings (list[Timing] | Unset): The steps of the last start.
    """

    id: str
    name: str
    sandbox_id: str
    image_id: str
    state: ContainerState
    spec: ContainerSpec
    created_at: datetime.datetime
    reason: str | Unset = UNSET
    started_at: datetime.datetime | Unset = UNSET
    finished_at: datetime.datetime | Unset = UNSET
    exit_code: int | Unset = UNSET
    pending: list[str] | Unset = UNSET
    end_reason: EndReason | Unset = UNSET
    signal: int | Unset = UNSET
    oom_killed: bool | Unset = UNSET
    health: Health | Unset = UNSET
    interfaces: list[Interface] | Unset = UNSET
    ports: list[PublishedPort] | Unset = UNSET
    network_reason: str | Unset = UNSET
    restart_count: int | Unset = UNSET
    error: Problem | Unset = UNSET
    guest: GuestInfo | Unset = UNSET
    timings: list[Timing] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        name = self.name

        sandbox_id = self.sandbox_id

        image_id = self.image_id

        state = self.state.value

        spec = self.spec.to_dict()

        created_at = self.created_at.isoformat()

        reason = self.reason

        started_at: str | Unset = UNSET
        if not isinstance(self.started_at, Unset):
            started_at = self.started_at.isoformat()

        finished_at: str | Unset = UNSET
        if not isinstance(self.finished_at, Unset):
            finished_at = self.finished_at.isoformat()

        exit_code = self.exit_code

        pending: list[str] | Unset = UNSET
        if not isinstance(self.pending, Unset):
            pending = self.pending

        end_reason: str | Unset = UNSET
        if not isinstance(self.end_reason, Unset):
            end_reason = self.end_reason.value

        signal = self.signal

        oom_killed = self.oom_killed

        health: dict[str, Any] | Unset = UNSET
        if not isinstance(self.health, Unset):
            health = self.health.to_dict()

        interfaces: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.interfaces, Unset):
            interfaces = []
            for interfaces_item_data in self.interfaces:
                interfaces_item = interfaces_item_data.to_dict()
                interfaces.append(interfaces_item)

        ports: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.ports, Unset):
            ports = []
            for ports_item_data in self.ports:
                ports_item = ports_item_data.to_dict()
                ports.append(ports_item)

        network_reason = self.network_reason

        restart_count = self.restart_count

        error: dict[str, Any] | Unset = UNSET
        if not isinstance(self.error, Unset):
            error = self.error.to_dict()

        guest: dict[str, Any] | Unset = UNSET
        if not isinstance(self.guest, Unset):
            guest = self.guest.to_dict()

        timings: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.timings, Unset):
            timings = []
            for timings_item_data in self.timings:
                timings_item = timings_item_data.to_dict()
                timings.append(timings_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "sandboxId": sandbox_id,
                "imageId": image_id,
                "state": state,
                "spec": spec,
                "createdAt": created_at,
            }
        )
        if reason is not UNSET:
            field_dict["reason"] = reason
        if started_at is not UNSET:
            field_dict["startedAt"] = started_at
        if finished_at is not UNSET:
            field_dict["finishedAt"] = finished_at
        if exit_code is not UNSET:
            field_dict["exitCode"] = exit_code
        if pending is not UNSET:
            field_dict["pending"] = pending
        if end_reason is not UNSET:
            field_dict["endReason"] = end_reason
        if signal is not UNSET:
            field_dict["signal"] = signal
        if oom_killed is not UNSET:
            field_dict["oomKilled"] = oom_killed
        if health is not UNSET:
            field_dict["health"] = health
        if interfaces is not UNSET:
            field_dict["interfaces"] = interfaces
        if ports is not UNSET:
            field_dict["ports"] = ports
        if network_reason is not UNSET:
            field_dict["networkReason"] = network_reason
        if restart_count is not UNSET:
            field_dict["restartCount"] = restart_count
        if error is not UNSET:
            field_dict["error"] = error
        if guest is not UNSET:
            field_dict["guest"] = guest
        if timings is not UNSET:
            field_dict["timings"] = timings

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.container_spec import ContainerSpec  # noqa: PLC0415
        from ..models.guest_info import GuestInfo  # noqa: PLC0415
        from ..models.health import Health  # noqa: PLC0415
        from ..models.interface import Interface  # noqa: PLC0415
        from ..models.problem import Problem  # noqa: PLC0415
        from ..models.published_port import PublishedPort  # noqa: PLC0415
        from ..models.timing import Timing  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        name = d.pop("name")

        sandbox_id = d.pop("sandboxId")

        image_id = d.pop("imageId")

        state = ContainerState(d.pop("state"))

        spec = ContainerSpec.from_dict(d.pop("spec"))

        created_at = datetime.datetime.fromisoformat(d.pop("createdAt"))

        reason = d.pop("reason", UNSET)

        _started_at = d.pop("startedAt", UNSET)
        started_at: datetime.datetime | Unset
        if isinstance(_started_at, Unset):
            started_at = UNSET
        else:
            started_at = datetime.datetime.fromisoformat(_started_at)

        _finished_at = d.pop("finishedAt", UNSET)
        finished_at: datetime.datetime | Unset
        if isinstance(_finished_at, Unset):
            finished_at = UNSET
        else:
            finished_at = datetime.datetime.fromisoformat(_finished_at)

        exit_code = d.pop("exitCode", UNSET)

        pending = cast(list[str], d.pop("pending", UNSET))

        _end_reason = d.pop("endReason", UNSET)
        end_reason: EndReason | Unset
        if isinstance(_end_reason, Unset):
            end_reason = UNSET
        else:
            end_reason = EndReason(_end_reason)

        signal = d.pop("signal", UNSET)

        oom_killed = d.pop("oomKilled", UNSET)

        _health = d.pop("health", UNSET)
        health: Health | Unset
        if isinstance(_health, Unset):
            health = UNSET
        else:
            health = Health.from_dict(_health)

        _interfaces = d.pop("interfaces", UNSET)
        interfaces: list[Interface] | Unset = UNSET
        if _interfaces is not UNSET:
            interfaces = []
            for interfaces_item_data in _interfaces:
                interfaces_item = Interface.from_dict(interfaces_item_data)

                interfaces.append(interfaces_item)

        _ports = d.pop("ports", UNSET)
        ports: list[PublishedPort] | Unset = UNSET
        if _ports is not UNSET:
            ports = []
            for ports_item_data in _ports:
                ports_item = PublishedPort.from_dict(ports_item_data)

                ports.append(ports_item)

        network_reason = d.pop("networkReason", UNSET)

        restart_count = d.pop("restartCount", UNSET)

        _error = d.pop("error", UNSET)
        error: Problem | Unset
        if isinstance(_error, Unset):
            error = UNSET
        else:
            error = Problem.from_dict(_error)

        _guest = d.pop("guest", UNSET)
        guest: GuestInfo | Unset
        if isinstance(_guest, Unset):
            guest = UNSET
        else:
            guest = GuestInfo.from_dict(_guest)

        _timings = d.pop("timings", UNSET)
        timings: list[Timing] | Unset = UNSET
        if _timings is not UNSET:
            timings = []
            for timings_item_data in _timings:
                timings_item = Timing.from_dict(timings_item_data)

                timings.append(timings_item)

        container = cls(
            id=id,
            name=name,
            sandbox_id=sandbox_id,
            image_id=image_id,
            state=state,
            spec=spec,
            created_at=created_at,
            reason=reason,
            started_at=started_at,
            finished_at=finished_at,
            exit_code=exit_code,
            pending=pending,
            end_reason=end_reason,
            signal=signal,
            oom_killed=oom_killed,
            health=health,
            interfaces=interfaces,
            ports=ports,
            network_reason=network_reason,
            restart_count=restart_count,
            error=error,
            guest=guest,
            timings=timings,
        )

        container.additional_properties = d
        return container

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
