from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.exec_spec_env import ExecSpecEnv
    from ..models.terminal_size import TerminalSize


T = TypeVar("T", bound="ExecSpec")


@_attrs_define
class ExecSpec:
    """
    Attributes:
        command (list[str]):
        env (ExecSpecEnv | Unset): Added to the container's environment.
        working_dir (str | Unset): Absolute; replaces the container's.
        user (str | Unset):
        tty (bool | Unset):  Default: False.
        stdin (bool | Unset):  Default: False.
        terminal_size (TerminalSize | Unset):
    """

    command: list[str]
    env: ExecSpecEnv | Unset = UNSET
    working_dir: str | Unset = UNSET
    user: str | Unset = UNSET
    tty: bool | Unset = False
    stdin: bool | Unset = False
    terminal_size: TerminalSize | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        command = self.command

        env: dict[str, Any] | Unset = UNSET
        if not isinstance(self.env, Unset):
            env = self.env.to_dict()

        working_dir = self.working_dir

        user = self.user

        tty = self.tty

        stdin = self.stdin

        terminal_size: dict[str, Any] | Unset = UNSET
        if not isinstance(self.terminal_size, Unset):
            terminal_size = self.terminal_size.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "command": command,
            }
        )
        if env is not UNSET:
            field_dict["env"] = env
        if working_dir is not UNSET:
            field_dict["workingDir"] = working_dir
        if user is not UNSET:
            field_dict["user"] = user
        if tty is not UNSET:
            field_dict["tty"] = tty
        if stdin is not UNSET:
            field_dict["stdin"] = stdin
        if terminal_size is not UNSET:
            field_dict["terminalSize"] = terminal_size

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.exec_spec_env import ExecSpecEnv  # noqa: PLC0415
        from ..models.terminal_size import TerminalSize  # noqa: PLC0415

        d = dict(src_dict)
        command = cast(list[str], d.pop("command"))

        _env = d.pop("env", UNSET)
        env: ExecSpecEnv | Unset
        if isinstance(_env, Unset):
            env = UNSET
        else:
            env = ExecSpecEnv.from_dict(_env)

        working_dir = d.pop("workingDir", UNSET)

        user = d.pop("user", UNSET)

        tty = d.pop("tty", UNSET)

        stdin = d.pop("stdin", UNSET)

        _terminal_size = d.pop("terminalSize", UNSET)
        terminal_size: TerminalSize | Unset
        if isinstance(_terminal_size, Unset):
            terminal_size = UNSET
        else:
            terminal_size = TerminalSize.from_dict(_terminal_size)

        exec_spec = cls(
            command=command,
            env=env,
            working_dir=working_dir,
            user=user,
            tty=tty,
            stdin=stdin,
            terminal_size=terminal_size,
        )

        exec_spec.additional_properties = d
        return exec_spec

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
