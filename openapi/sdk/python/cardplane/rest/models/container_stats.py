from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.cpu_stats import CpuStats
    from ..models.io_stats import IoStats
    from ..models.machine_stats import MachineStats
    from ..models.memory_stats import MemoryStats
    from ..models.network_stats import NetworkStats


T = TypeVar("T", bound="ContainerStats")


@_attrs_define
class ContainerStats:
    """Counters count from the start of the run; what the guest's kernel does not count is 0.

    Example:
        {'time': '2026-01-02T15:04:07Z', 'containerId': '3f2b8c1d9e4a5f60718293a4b5c6d7e8', 'cpu': {'microseconds':
            480211, 'userMicroseconds': 410000, 'systemMicroseconds': 70211, 'online': 1}, 'memory': {'bytes': 12189696,
            'cacheBytes': 4096, 'limitBytes': 245366784}, 'processes': 2, 'io': {'readBytes': 8192, 'writtenBytes': 4096,
            'reads': 2, 'writes': 1}, 'networks': [{'name': 'lo', 'receivedBytes': 0, 'receivedPackets': 0, 'sentBytes': 0,
            'sentPackets': 0}], 'vm': {'cpuMicroseconds': 1480211, 'memoryBytes': 187695104, 'readBytes': 12189696,
            'writtenBytes': 4096}}

    Attributes:
        time (datetime.datetime): When it was counted, by the guest's clock.
        container_id (str):
        cpu (CpuStats):
        memory (MemoryStats):
        processes (int): How many there are.
        io (IoStats): Of block devices.
        networks (list[NetworkStats]):
        vm (MachineStats | Unset): What the VMM and all that it starts take from the compute host, the
            guest included. Absent while the host cannot be asked, and a member
            where it does not count.
    """

    time: datetime.datetime
    container_id: str
    cpu: CpuStats
    memory: MemoryStats
    processes: int
    io: IoStats
    networks: list[NetworkStats]
    vm: MachineStats | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        time = self.time.isoformat()

        container_id = self.container_id

        cpu = self.cpu.to_dict()

        memory = self.memory.to_dict()

        processes = self.processes

        io = self.io.to_dict()

        networks = []
        for networks_item_data in self.networks:
            networks_item = networks_item_data.to_dict()
            networks.append(networks_item)

        vm: dict[str, Any] | Unset = UNSET
        if not isinstance(self.vm, Unset):
            vm = self.vm.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "time": time,
                "containerId": container_id,
                "cpu": cpu,
                "memory": memory,
                "processes": processes,
                "io": io,
                "networks": networks,
            }
        )
        if vm is not UNSET:
            field_dict["vm"] = vm

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.cpu_stats import CpuStats  # noqa: PLC0415
        from ..models.io_stats import IoStats  # noqa: PLC0415
        from ..models.machine_stats import MachineStats  # noqa: PLC0415
        from ..models.memory_stats import MemoryStats  # noqa: PLC0415
        from ..models.network_stats import NetworkStats  # noqa: PLC0415

        d = dict(src_dict)
        time = datetime.datetime.fromisoformat(d.pop("time"))

        container_id = d.pop("containerId")

        cpu = CpuStats.from_dict(d.pop("cpu"))

        memory = MemoryStats.from_dict(d.pop("memory"))

        processes = d.pop("processes")

        io = IoStats.from_dict(d.pop("io"))

        networks = []
        _networks = d.pop("networks")
        for networks_item_data in _networks:
            networks_item = NetworkStats.from_dict(networks_item_data)

            networks.append(networks_item)

        _vm = d.pop("vm", UNSET)
        vm: MachineStats | Unset
        if isinstance(_vm, Unset):
            vm = UNSET
        else:
            vm = MachineStats.from_dict(_vm)

        container_stats = cls(
            time=time,
            container_id=container_id,
            cpu=cpu,
            memory=memory,
            processes=processes,
            io=io,
            networks=networks,
            vm=vm,
        )

        container_stats.additional_properties = d
        return container_stats

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
