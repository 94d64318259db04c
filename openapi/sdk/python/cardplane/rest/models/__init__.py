"""Contains all the data models used in inputs/outputs"""

from .config import Config
from .config_labels import ConfigLabels
from .config_list import ConfigList
from .container import Container
from .container_kill import ContainerKill
from .container_list import ContainerList
from .container_prune import ContainerPrune
from .container_pruned import ContainerPruned
from .container_rename import ContainerRename
from .container_spec import ContainerSpec
from .container_spec_annotations import ContainerSpecAnnotations
from .container_spec_env import ContainerSpecEnv
from .container_spec_labels import ContainerSpecLabels
from .container_spec_sysctls import ContainerSpecSysctls
from .container_state import ContainerState
from .container_stats import ContainerStats
from .container_stop import ContainerStop
from .container_update import ContainerUpdate
from .container_update_labels import ContainerUpdateLabels
from .content_mount import ContentMount
from .content_prune import ContentPrune
from .content_pruned import ContentPruned
from .content_spec import ContentSpec
from .content_spec_labels import ContentSpecLabels
from .content_update import ContentUpdate
from .content_update_labels import ContentUpdateLabels
from .cpu_stats import CpuStats
from .disk_usage import DiskUsage
from .disk_usage_kind import DiskUsageKind
from .disk_usage_report import DiskUsageReport
from .disk_usage_where import DiskUsageWhere
from .doctor_check import DoctorCheck
from .doctor_check_status import DoctorCheckStatus
from .doctor_check_where import DoctorCheckWhere
from .doctor_report import DoctorReport
from .end_reason import EndReason
from .event import Event
from .event_attributes import EventAttributes
from .event_labels import EventLabels
from .event_type import EventType
from .exec_ import Exec
from .exec_list import ExecList
from .exec_spec import ExecSpec
from .exec_spec_env import ExecSpecEnv
from .field_error import FieldError
from .guest_info import GuestInfo
from .health import Health
from .health_filter import HealthFilter
from .health_result import HealthResult
from .health_status import HealthStatus
from .healthcheck import Healthcheck
from .host_entry import HostEntry
from .host_version import HostVersion
from .image import Image
from .image_config import ImageConfig
from .image_config_labels import ImageConfigLabels
from .image_history import ImageHistory
from .image_history_entry import ImageHistoryEntry
from .image_list import ImageList
from .image_progress import ImageProgress
from .image_prune import ImagePrune
from .image_pruned import ImagePruned
from .image_pull import ImagePull
from .image_removal import ImageRemoval
from .image_save import ImageSave
from .image_save_format import ImageSaveFormat
from .image_step import ImageStep
from .interface import Interface
from .io_stats import IoStats
from .log_policy import LogPolicy
from .log_policy_when_full import LogPolicyWhenFull
from .log_record import LogRecord
from .log_record_stream import LogRecordStream
from .machine_stats import MachineStats
from .memory_stats import MemoryStats
from .mount_options import MountOptions
from .network import Network
from .network_labels import NetworkLabels
from .network_list import NetworkList
from .network_mode import NetworkMode
from .network_prune import NetworkPrune
from .network_pruned import NetworkPruned
from .network_spec import NetworkSpec
from .network_spec_labels import NetworkSpecLabels
from .network_stats import NetworkStats
from .nic import Nic
from .nic_options import NicOptions
from .path_stat import PathStat
from .path_stat_type import PathStatType
from .problem import Problem
from .problem_class import ProblemClass
from .process import Process
from .process_list import ProcessList
from .published_port import PublishedPort
from .published_port_protocol import PublishedPortProtocol
from .registry_credentials import RegistryCredentials
from .resources import Resources
from .resources_update import ResourcesUpdate
from .restart_policy import RestartPolicy
from .restart_policy_mode import RestartPolicyMode
from .sandbox import Sandbox
from .sandbox_container import SandboxContainer
from .sandbox_labels import SandboxLabels
from .sandbox_list import SandboxList
from .sandbox_prune import SandboxPrune
from .sandbox_pruned import SandboxPruned
from .sandbox_resources import SandboxResources
from .sandbox_spec import SandboxSpec
from .sandbox_spec_labels import SandboxSpecLabels
from .sandbox_state import SandboxState
from .secret import Secret
from .secret_labels import SecretLabels
from .secret_list import SecretList
from .security import Security
from .security_seccomp import SecuritySeccomp
from .security_seccomp_profile import SecuritySeccompProfile
from .stream_status import StreamStatus
from .subnet import Subnet
from .terminal_size import TerminalSize
from .timing import Timing
from .tmpfs import Tmpfs
from .ulimit import Ulimit
from .ulimit_name import UlimitName
from .version import Version
from .volume import Volume
from .volume_format import VolumeFormat
from .volume_labels import VolumeLabels
from .volume_list import VolumeList
from .volume_mount import VolumeMount
from .volume_prune import VolumePrune
from .volume_pruned import VolumePruned
from .volume_source import VolumeSource
from .volume_spec import VolumeSpec
from .volume_spec_labels import VolumeSpecLabels
from .volume_update import VolumeUpdate
from .wait_condition import WaitCondition

__all__ = (
    "Config",
    "ConfigLabels",
    "ConfigList",
    "Container",
    "ContainerKill",
    "ContainerList",
    "ContainerPrune",
    "ContainerPruned",
    "ContainerRename",
    "ContainerSpec",
    "ContainerSpecAnnotations",
    "ContainerSpecEnv",
    "ContainerSpecLabels",
    "ContainerSpecSysctls",
    "ContainerState",
    "ContainerStats",
    "ContainerStop",
    "ContainerUpdate",
    "ContainerUpdateLabels",
    "ContentMount",
    "ContentPrune",
    "ContentPruned",
    "ContentSpec",
    "ContentSpecLabels",
    "ContentUpdate",
    "ContentUpdateLabels",
    "CpuStats",
    "DiskUsage",
    "DiskUsageKind",
    "DiskUsageReport",
    "DiskUsageWhere",
    "DoctorCheck",
    "DoctorCheckStatus",
    "DoctorCheckWhere",
    "DoctorReport",
    "EndReason",
    "Event",
    "EventAttributes",
    "EventLabels",
    "EventType",
    "Exec",
    "ExecList",
    "ExecSpec",
    "ExecSpecEnv",
    "FieldError",
    "GuestInfo",
    "Health",
    "Healthcheck",
    "HealthFilter",
    "HealthResult",
    "HealthStatus",
    "HostEntry",
    "HostVersion",
    "Image",
    "ImageConfig",
    "ImageConfigLabels",
    "ImageHistory",
    "ImageHistoryEntry",
    "ImageList",
    "ImageProgress",
    "ImagePrune",
    "ImagePruned",
    "ImagePull",
    "ImageRemoval",
    "ImageSave",
    "ImageSaveFormat",
    "ImageStep",
    "Interface",
    "IoStats",
    "LogPolicy",
    "LogPolicyWhenFull",
    "LogRecord",
    "LogRecordStream",
    "MachineStats",
    "MemoryStats",
    "MountOptions",
    "Network",
    "NetworkLabels",
    "NetworkList",
    "NetworkMode",
    "NetworkPrune",
    "NetworkPruned",
    "NetworkSpec",
    "NetworkSpecLabels",
    "NetworkStats",
    "Nic",
    "NicOptions",
    "PathStat",
    "PathStatType",
    "Problem",
    "ProblemClass",
    "Process",
    "ProcessList",
    "PublishedPort",
    "PublishedPortProtocol",
    "RegistryCredentials",
    "Resources",
    "ResourcesUpdate",
    "RestartPolicy",
    "RestartPolicyMode",
    "Sandbox",
    "SandboxContainer",
    "SandboxLabels",
    "SandboxList",
    "SandboxPrune",
    "SandboxPruned",
    "SandboxResources",
    "SandboxSpec",
    "SandboxSpecLabels",
    "SandboxState",
    "Secret",
    "SecretLabels",
    "SecretList",
    "Security",
    "SecuritySeccomp",
    "SecuritySeccompProfile",
    "StreamStatus",
    "Subnet",
    "TerminalSize",
    "Timing",
    "Tmpfs",
    "Ulimit",
    "UlimitName",
    "Version",
    "Volume",
    "VolumeFormat",
    "VolumeLabels",
    "VolumeList",
    "VolumeMount",
    "VolumePrune",
    "VolumePruned",
    "VolumeSource",
    "VolumeSpec",
    "VolumeSpecLabels",
    "VolumeUpdate",
    "WaitCondition",
)
