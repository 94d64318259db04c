from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.container_spec_annotations import ContainerSpecAnnotations
    from ..models.container_spec_env import ContainerSpecEnv
    from ..models.container_spec_labels import ContainerSpecLabels
    from ..models.container_spec_sysctls import ContainerSpecSysctls
    from ..models.content_mount import ContentMount
    from ..models.healthcheck import Healthcheck
    from ..models.host_entry import HostEntry
    from ..models.log_policy import LogPolicy
    from ..models.nic import Nic
    from ..models.published_port import PublishedPort
    from ..models.resources import Resources
    from ..models.restart_policy import RestartPolicy
    from ..models.security import Security
    from ..models.terminal_size import TerminalSize
    from ..models.tmpfs import Tmpfs
    from ..models.ulimit import Ulimit
    from ..models.volume_mount import VolumeMount


T = TypeVar("T", bound="ContainerSpec")


@_attrs_define
class ContainerSpec:
    """
    Attributes:
        image (str): Reference, id or unique prefix of an id of an image that the card has.
        name (str | Unset): Unique. One is made up when absent. A rename changes it.
        entrypoint (list[str] | Unset): Replaces the image's entrypoint and drops its command.
        command (list[str] | Unset): Replaces the image's command.
        env (ContainerSpecEnv | Unset): Added to the image's environment.
        working_dir (str | Unset): Absolute; replaces the image's.
        user (str | Unset): name, uid, name:group or uid:gid; replaces the image's.
        sandbox (str | Unset): Id, unique prefix of an id, or name of the sandbox to run in; in a
            container it is the name. Without it each run has a VM of its own.
            In a sandbox `hostname`, `shmBytes` and of the resources `vcpus`,
            `hugePages` and `cpuset` are the sandbox's (`option_of_sandbox`), and
            so is the network, which is a loopback: `networks` and `ports` are
            refused likewise.
        hostname (str | Unset): The first 12 characters of the id when absent.
        labels (ContainerSpecLabels | Unset):
        resources (Resources | Unset):
        read_only_root (bool | Unset):  Default: False.
        tty (bool | Unset): Give the process a terminal. Default: False.
        stdin (bool | Unset): Keep stdin open for an attach; otherwise it is empty. Default: False.
        terminal_size (TerminalSize | Unset):
        auto_remove (bool | Unset): Remove the container once it has ended. Default: False.
        stop_signal (str | Unset): Name or number; replaces the image's.
        stop_timeout_seconds (int | Unset): Grace period before SIGKILL, where the stop names none. Default: 10.
        restart_policy (RestartPolicy | Unset): Whether the container is started again after its end, with pauses that
            double from 100 ms to a minute until a run lasts for 10 s. One that was
            stopped, or killed with SIGKILL or its stop signal, is not. A first
            start that fails is not repeated.
        healthcheck (Healthcheck | Unset): A program that is run in the container again and again, as its user, in
            its environment and working directory, to find out its health: exit code
            0 is a success, anything else a failure. Give one of `command`, `shell`
            and `disabled`, or none to keep the image's. The times and `retries`
            that are left out are the image's where it has a health check, else the
            defaults; in a container all are filled in. An image's times that are
            out of the bounds below count as left out.

            The guest runs it, so it goes on while the control plane is away. A
            probe is killed, with all that it has started, at its timeout and at its
            program's end. Probes are no execs, and only a change of `health.status`
            makes an event. A paused container is not probed.
        logs (LogPolicy | Unset):
        volumes (list[VolumeMount] | Unset):
        configs (list[ContentMount] | Unset): Configs that it has as files. They are replaced while it runs when the
            configs change.
        secrets (list[ContentMount] | Unset): The same of secrets.
        networks (list[Nic] | Unset): The first one leads out. When absent the network `default`, or none where there
            can be no networks. An empty list is none.
        ports (list[PublishedPort] | Unset): Published on the compute host, over the first network.
        annotations (ContainerSpecAnnotations | Unset): Handed on to the OCI runtime; keys that begin with `run.oci.`
            command it and are refused.
        groups (list[str] | Unset): Further groups of the first process: names of the image, or numbers.
        init (bool | Unset): Run the program under a small init that passes signals on and reaps orphans. Default:
            False.
        hosts (list[HostEntry] | Unset): Lines added to /etc/hosts.
        shm_bytes (int | Unset): Size limit of /dev/shm. Default 64 MiB.
        tmpfs (list[Tmpfs] | Unset): File systems in memory, empty at each start.
        ulimits (list[Ulimit] | Unset):
        sysctls (ContainerSpecSysctls | Unset): Kernel parameters by name, such as `net.core.somaxconn`. The kernel
            is the container's own, so all below fs, kernel, net, user and vm
            can be set.
        security (Security | Unset): What the container's processes may ask of the guest's kernel. The VM is
            the boundary between containers in any case.
    """

    image: str
    name: str | Unset = UNSET
    entrypoint: list[str] | Unset = UNSET
    command: list[str] | Unset = UNSET
    env: ContainerSpecEnv | Unset = UNSET
    working_dir: str | Unset = UNSET
    user: str | Unset = UNSET
    sandbox: str | Unset = UNSET
    hostname: str | Unset = UNSET
    labels: ContainerSpecLabels | Unset = UNSET
    resources: Resources | Unset = UNSET
    read_only_root: bool | Unset = False
    tty: bool | Unset = False
    stdin: bool | Unset = False
    terminal_size: TerminalSize | Unset = UNSET
    auto_remove: bool | Unset = False
    stop_signal: str | Unset = UNSET
    stop_timeout_seconds: int | Unset = 10
    restart_policy: RestartPolicy | Unset = UNSET
    healthcheck: Healthcheck | Unset = UNSET
    logs: LogPolicy | Unset = UNSET
    volumes: list[VolumeMount] | Unset = UNSET
    configs: list[ContentMount] | Unset = UNSET
    secrets: list[ContentMount] | Unset = UNSET
    networks: list[Nic] | Unset = UNSET
    ports: list[PublishedPort] | Unset = UNSET
    annotations: ContainerSpecAnnotations | Unset = UNSET
    groups: list[str] | Unset = UNSET
    init: bool | Unset = False
    hosts: list[HostEntry] | Unset = UNSET
    shm_bytes: int | Unset = UNSET
    tmpfs: list[Tmpfs] | Unset = UNSET
    ulimits: list[Ulimit] | Unset = UNSET
    sysctls: ContainerSpecSysctls | Unset = UNSET
    security: Security | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        image = self.image

        name = self.name

        entrypoint: list[str] | Unset = UNSET
        if not isinstance(self.entrypoint, Unset):
            entrypoint = self.entrypoint

        command: list[str] | Unset = UNSET
        if not isinstance(self.command, Unset):
            command = self.command

        env: dict[str, Any] | Unset = UNSET
        if not isinstance(self.env, Unset):
            env = self.env.to_dict()

        working_dir = self.working_dir

        user = self.user

        sandbox = self.sandbox

        hostname = self.hostname

        labels: dict[str, Any] | Unset = UNSET
        if not isinstance(self.labels, Unset):
            labels = self.labels.to_dict()

        resources: dict[str, Any] | Unset = UNSET
        if not isinstance(self.resources, Unset):
            resources = self.resources.to_dict()

        read_only_root = self.read_only_root

        tty = self.tty

        stdin = self.stdin

        terminal_size: dict[str, Any] | Unset = UNSET
        if not isinstance(self.terminal_size, Unset):
            terminal_size = self.terminal_size.to_dict()

        auto_remove = self.auto_remove

        stop_signal = self.stop_signal

        stop_timeout_seconds = self.stop_timeout_seconds

        restart_policy: dict[str, Any] | Unset = UNSET
        if not isinstance(self.restart_policy, Unset):
            restart_policy = self.restart_policy.to_dict()

        healthcheck: dict[str, Any] | Unset = UNSET
        if not isinstance(self.healthcheck, Unset):
            healthcheck = self.healthcheck.to_dict()

        logs: dict[str, Any] | Unset = UNSET
        if not isinstance(self.logs, Unset):
            logs = self.logs.to_dict()

        volumes: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.volumes, Unset):
            volumes = []
            for volumes_item_data in self.volumes:
                volumes_item = volumes_item_data.to_dict()
                volumes.append(volumes_item)

        configs: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.configs, Unset):
            configs = []
            for configs_item_data in self.configs:
                configs_item = configs_item_data.to_dict()
                configs.append(configs_item)

        secrets: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.secrets, Unset):
            secrets = []
            for secrets_item_data in self.secrets:
                secrets_item = secrets_item_data.to_dict()
                secrets.append(secrets_item)

        networks: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.networks, Unset):
            networks = []
            for networks_item_data in self.networks:
                networks_item = networks_item_data.to_dict()
                networks.append(networks_item)

        ports: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.ports, Unset):
            ports = []
            for ports_item_data in self.ports:
                ports_item = ports_item_data.to_dict()
                ports.append(ports_item)

        annotations: dict[str, Any] | Unset = UNSET
        if not isinstance(self.annotations, Unset):
            annotations = self.annotations.to_dict()

        groups: list[str] | Unset = UNSET
        if not isinstance(self.groups, Unset):
            groups = self.groups

        init = self.init

        hosts: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.hosts, Unset):
            hosts = []
            for hosts_item_data in self.hosts:
                hosts_item = hosts_item_data.to_dict()
                hosts.append(hosts_item)

        shm_bytes = self.shm_bytes

        tmpfs: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.tmpfs, Unset):
            tmpfs = []
            for tmpfs_item_data in self.tmpfs:
                tmpfs_item = tmpfs_item_data.to_dict()
                tmpfs.append(tmpfs_item)

        ulimits: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.ulimits, Unset):
            ulimits = []
            for ulimits_item_data in self.ulimits:
                ulimits_item = ulimits_item_data.to_dict()
                ulimits.append(ulimits_item)

        sysctls: dict[str, Any] | Unset = UNSET
        if not isinstance(self.sysctls, Unset):
            sysctls = self.sysctls.to_dict()

        security: dict[str, Any] | Unset = UNSET
        if not isinstance(self.security, Unset):
            security = self.security.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "image": image,
            }
        )
        if name is not UNSET:
            field_dict["name"] = name
        if entrypoint is not UNSET:
            field_dict["entrypoint"] = entrypoint
        if command is not UNSET:
            field_dict["command"] = command
        if env is not UNSET:
            field_dict["env"] = env
        if working_dir is not UNSET:
            field_dict["workingDir"] = working_dir
        if user is not UNSET:
            field_dict["user"] = user
        if sandbox is not UNSET:
            field_dict["sandbox"] = sandbox
        if hostname is not UNSET:
            field_dict["hostname"] = hostname
        if labels is not UNSET:
            field_dict["labels"] = labels
        if resources is not UNSET:
            field_dict["resources"] = resources
        if read_only_root is not UNSET:
            field_dict["readOnlyRoot"] = read_only_root
        if tty is not UNSET:
            field_dict["tty"] = tty
        if stdin is not UNSET:
            field_dict["stdin"] = stdin
        if terminal_size is not UNSET:
            field_dict["terminalSize"] = terminal_size
        if auto_remove is not UNSET:
            field_dict["autoRemove"] = auto_remove
        if stop_signal is not UNSET:
            field_dict["stopSignal"] = stop_signal
        if stop_timeout_seconds is not UNSET:
            field_dict["stopTimeoutSeconds"] = stop_timeout_seconds
        if restart_policy is not UNSET:
            field_dict["restartPolicy"] = restart_policy
        if healthcheck is not UNSET:
            field_dict["healthcheck"] = healthcheck
        if logs is not UNSET:
            field_dict["logs"] = logs
        if volumes is not UNSET:
            field_dict["volumes"] = volumes
        if configs is not UNSET:
            field_dict["configs"] = configs
        if secrets is not UNSET:
            field_dict["secrets"] = secrets
        if networks is not UNSET:
            field_dict["networks"] = networks
        if ports is not UNSET:
            field_dict["ports"] = ports
        if annotations is not UNSET:
            field_dict["annotations"] = annotations
        if groups is not UNSET:
            field_dict["groups"] = groups
        if init is not UNSET:
            field_dict["init"] = init
        if hosts is not UNSET:
            field_dict["hosts"] = hosts
        if shm_bytes is not UNSET:
            field_dict["shmBytes"] = shm_bytes
        if tmpfs is not UNSET:
            field_dict["tmpfs"] = tmpfs
        if ulimits is not UNSET:
            field_dict["ulimits"] = ulimits
        if sysctls is not UNSET:
            field_dict["sysctls"] = sysctls
        if security is not UNSET:
            field_dict["security"] = security

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.container_spec_annotations import ContainerSpecAnnotations  # noqa: PLC0415
        from ..models.container_spec_env import ContainerSpecEnv  # noqa: PLC0415
        from ..models.container_spec_labels import ContainerSpecLabels  # noqa: PLC0415
        from ..models.container_spec_sysctls import ContainerSpecSysctls  # noqa: PLC0415
        from ..models.content_mount import ContentMount  # noqa: PLC0415
        from ..models.healthcheck import Healthcheck  # noqa: PLC0415
        from ..models.host_entry import HostEntry  # noqa: PLC0415
        from ..models.log_policy import LogPolicy  # noqa: PLC0415
        from ..models.nic import Nic  # noqa: PLC0415
        from ..models.published_port import PublishedPort  # noqa: PLC0415
        from ..models.resources import Resources  # noqa: PLC0415
        from ..models.restart_policy import RestartPolicy  # noqa: PLC0415
        from ..models.security import Security  # noqa: PLC0415
        from ..models.terminal_size import TerminalSize  # noqa: PLC0415
        from ..models.tmpfs import Tmpfs  # noqa: PLC0415
        from ..models.ulimit import Ulimit  # noqa: PLC0415
        from ..models.volume_mount import VolumeMount  # noqa: PLC0415

        d = dict(src_dict)
        image = d.pop("image")

        name = d.pop("name", UNSET)

        entrypoint = cast(list[str], d.pop("entrypoint", UNSET))

        command = cast(list[str], d.pop("command", UNSET))

        _env = d.pop("env", UNSET)
        env: ContainerSpecEnv | Unset
        if isinstance(_env, Unset):
            env = UNSET
        else:
            env = ContainerSpecEnv.from_dict(_env)

        working_dir = d.pop("workingDir", UNSET)

        user = d.pop("user", UNSET)

        sandbox = d.pop("sandbox", UNSET)

        hostname = d.pop("hostname", UNSET)

        _labels = d.pop("labels", UNSET)
        labels: ContainerSpecLabels | Unset
        if isinstance(_labels, Unset):
            labels = UNSET
        else:
            labels = ContainerSpecLabels.from_dict(_labels)

        _resources = d.pop("resources", UNSET)
        resources: Resources | Unset
        if isinstance(_resources, Unset):
            resources = UNSET
        else:
            resources = Resources.from_dict(_resources)

        read_only_root = d.pop("readOnlyRoot", UNSET)

        tty = d.pop("tty", UNSET)

        stdin = d.pop("stdin", UNSET)

        _terminal_size = d.pop("terminalSize", UNSET)
        terminal_size: TerminalSize | Unset
        if isinstance(_terminal_size, Unset):
            terminal_size = UNSET
        else:
            terminal_size = TerminalSize.from_dict(_terminal_size)

        auto_remove = d.pop("autoRemove", UNSET)

        stop_signal = d.pop("stopSignal", UNSET)

        stop_timeout_seconds = d.pop("stopTimeoutSeconds", UNSET)

        _restart_policy = d.pop("restartPolicy", UNSET)
        restart_policy: RestartPolicy | Unset
        if isinstance(_restart_policy, Unset):
            restart_policy = UNSET
        else:
            restart_policy = RestartPolicy.from_dict(_restart_policy)

        _healthcheck = d.pop("healthcheck", UNSET)
        healthcheck: Healthcheck | Unset
        if isinstance(_healthcheck, Unset):
            healthcheck = UNSET
        else:
            healthcheck = Healthcheck.from_dict(_healthcheck)

        _logs = d.pop("logs", UNSET)
        logs: LogPolicy | Unset
        if isinstance(_logs, Unset):
            logs = UNSET
        else:
            logs = LogPolicy.from_dict(_logs)

        _volumes = d.pop("volumes", UNSET)
        volumes: list[VolumeMount] | Unset = UNSET
        if _volumes is not UNSET:
            volumes = []
            for volumes_item_data in _volumes:
                volumes_item = VolumeMount.from_dict(volumes_item_data)

                volumes.append(volumes_item)

        _configs = d.pop("configs", UNSET)
        configs: list[ContentMount] | Unset = UNSET
        if _configs is not UNSET:
            configs = []
            for configs_item_data in _configs:
                configs_item = ContentMount.from_dict(configs_item_data)

                configs.append(configs_item)

        _secrets = d.pop("secrets", UNSET)
        secrets: list[ContentMount] | Unset = UNSET
        if _secrets is not UNSET:
            secrets = []
            for secrets_item_data in _secrets:
                secrets_item = ContentMount.from_dict(secrets_item_data)

                secrets.append(secrets_item)

        _networks = d.pop("networks", UNSET)
        networks: list[Nic] | Unset = UNSET
        if _networks is not UNSET:
            networks = []
            for networks_item_data in _networks:
                networks_item = Nic.from_dict(networks_item_data)

                networks.append(networks_item)

        _ports = d.pop("ports", UNSET)
        ports: list[PublishedPort] | Unset = UNSET
        if _ports is not UNSET:
            ports = []
            for ports_item_data in _ports:
                ports_item = PublishedPort.from_dict(ports_item_data)

                ports.append(ports_item)

        _annotations = d.pop("annotations", UNSET)
        annotations: ContainerSpecAnnotations | Unset
        if isinstance(_annotations, Unset):
            annotations = UNSET
        else:
            annotations = ContainerSpecAnnotations.from_dict(_annotations)

        groups = cast(list[str], d.pop("groups", UNSET))

        init = d.pop("init", UNSET)

        _hosts = d.pop("hosts", UNSET)
        hosts: list[HostEntry] | Unset = UNSET
        if _hosts is not UNSET:
            hosts = []
            for hosts_item_data in _hosts:
                hosts_item = HostEntry.from_dict(hosts_item_data)

                hosts.append(hosts_item)

        shm_bytes = d.pop("shmBytes", UNSET)

        _tmpfs = d.pop("tmpfs", UNSET)
        tmpfs: list[Tmpfs] | Unset = UNSET
        if _tmpfs is not UNSET:
            tmpfs = []
            for tmpfs_item_data in _tmpfs:
                tmpfs_item = Tmpfs.from_dict(tmpfs_item_data)

                tmpfs.append(tmpfs_item)

        _ulimits = d.pop("ulimits", UNSET)
        ulimits: list[Ulimit] | Unset = UNSET
        if _ulimits is not UNSET:
            ulimits = []
            for ulimits_item_data in _ulimits:
                ulimits_item = Ulimit.from_dict(ulimits_item_data)

                ulimits.append(ulimits_item)

        _sysctls = d.pop("sysctls", UNSET)
        sysctls: ContainerSpecSysctls | Unset
        if isinstance(_sysctls, Unset):
            sysctls = UNSET
        else:
            sysctls = ContainerSpecSysctls.from_dict(_sysctls)

        _security = d.pop("security", UNSET)
        security: Security | Unset
        if isinstance(_security, Unset):
            security = UNSET
        else:
            security = Security.from_dict(_security)

        container_spec = cls(
            image=image,
            name=name,
            entrypoint=entrypoint,
            command=command,
            env=env,
            working_dir=working_dir,
            user=user,
            sandbox=sandbox,
            hostname=hostname,
            labels=labels,
            resources=resources,
            read_only_root=read_only_root,
            tty=tty,
            stdin=stdin,
            terminal_size=terminal_size,
            auto_remove=auto_remove,
            stop_signal=stop_signal,
            stop_timeout_seconds=stop_timeout_seconds,
            restart_policy=restart_policy,
            healthcheck=healthcheck,
            logs=logs,
            volumes=volumes,
            configs=configs,
            secrets=secrets,
            networks=networks,
            ports=ports,
            annotations=annotations,
            groups=groups,
            init=init,
            hosts=hosts,
            shm_bytes=shm_bytes,
            tmpfs=tmpfs,
            ulimits=ulimits,
            sysctls=sysctls,
            security=security,
        )

        container_spec.additional_properties = d
        return container_spec

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
