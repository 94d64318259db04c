"""One control plane."""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, BinaryIO
from urllib.parse import quote, urlencode

import attrs
import httpx

from .errors import CardplaneError, lost
from .rest import Client
from .rest.api.containers import create_container, create_exec, delete_container, start_container, wait_container
from .rest.models import Container, ContainerSpec, Event, ExecSpec, ImageList, WaitCondition
from .session import Session
from .transport import AsyncTransport, Endpoint, Transport

#: Where cardplaned listens unless told otherwise.
DEFAULT_ENDPOINT = "unix:///run/cardplane/cardplane.sock"

#: How long one request of wait lasts at most, in seconds.
_WAIT_SECONDS = 300

#: A wait, a start and a quiet stream may take any time.
_TIMEOUT = httpx.Timeout(None, connect=10)


@dataclass
class Output:
    """A record of a log."""

    stream: str  #: "stdout" or "stderr"
    offset: int  #: of the first byte within its stream
    time: str  #: when the card received it
    data: bytes
    lost: int  #: how many bytes were dropped just before it


class Cardplane:
    """A control plane at unix:///path, tcp://host:port or https://host:port.

    ``api`` is what the generated functions of cardplane.rest.api take as their
    client. They raise a CardplaneError when a call fails.
    """

    def __init__(self, endpoint: str = DEFAULT_ENDPOINT, ssl_context: ssl.SSLContext | None = None) -> None:
        self._endpoint = Endpoint(endpoint, ssl_context)
        url = self._endpoint.url
        self._http = httpx.Client(base_url=url, transport=Transport(self._endpoint), timeout=_TIMEOUT)
        self.api = Client(base_url=url)
        self.api.set_httpx_client(self._http)
        self.api.set_async_httpx_client(
            httpx.AsyncClient(base_url=url, transport=AsyncTransport(self._endpoint), timeout=_TIMEOUT)
        )

    def close(self) -> None:
        """Ends all connections of functions that are not asyncio's."""
        self._http.close()

    def __enter__(self) -> Cardplane:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def load(self, archive: BinaryIO) -> ImageList:
        """Loads the images of a docker-archive or an OCI layout tar."""
        response = self._http.post(
            "/v1/images/load", content=archive, headers={"Content-Type": "application/octet-stream"}
        )
        return ImageList.from_dict(response.json())

    def save(self, images: Iterable[str], archive: BinaryIO) -> None:
        """Writes images as one tar, from which they can be loaded."""
        self._download(archive, "POST", "/v1/images/save", json={"images": list(images)})

    def copy_out(self, container: str, path: str, archive: BinaryIO) -> None:
        """Writes the file at a path in a running container, with all below it, as a tar."""
        self._download(archive, "GET", _archive_of(container), params={"path": path})

    def copy_in(self, container: str, path: str, archive: BinaryIO) -> None:
        """Writes the files of a tar to a directory of a running container."""
        headers = {"Content-Type": "application/x-tar"}
        self._http.put(_archive_of(container), params={"path": path}, content=archive, headers=headers)

    def logs(self, container: str, **query: Any) -> Iterator[Output]:
        """The container's output as journalled on the card; query is getLogs', such as follow=True.

        Times are datetimes.
        """
        for line in self._lines(f"/v1/containers/{quote(container, safe='')}/logs", query):
            record = json.loads(line)
            data = base64.b64decode(record["data"])
            yield Output(record["stream"], record["offset"], record["time"], data, record.get("lost", 0))

    def events(self, **query: Any) -> Iterator[Event]:
        """What happens, from now on unless since is given; query is getEvents'."""
        for line in self._lines("/v1/events", query):
            if line.startswith("data: "):
                yield Event.from_dict(json.loads(line.removeprefix("data: ")))

    def wait(self, container: str, condition: WaitCondition = WaitCondition.WAIT_NOT_RUNNING) -> Container:
        """Returns once the container has ended as condition says, however long that takes."""
        last: Container | None = None
        while True:
            try:
                answer = wait_container.sync_detailed(
                    container, client=self.api, timeout_seconds=_WAIT_SECONDS, condition=condition
                )
            except CardplaneError as error:
                if last is not None and error.code == "container_not_found":
                    return last
                raise
            last = answer.parsed
            if answer.status_code == HTTPStatus.OK:
                return last
            container = last.id

    def run(
        self,
        spec: ContainerSpec,
        *,
        stdin: BinaryIO | bytes | None = None,
        stdout: BinaryIO | None = None,
        stderr: BinaryIO | None = None,
    ) -> int:
        """Creates a container, runs it to its end and returns the exit code.

        All output has been written then. The container stays unless
        spec.auto_remove is set; one that could not be run to its end then goes, too.
        """
        spec = attrs.evolve(spec, stdin=stdin is not None)
        container = create_container.sync(client=self.api, body=spec).id
        query = urlencode({"replay": "true", "stdin": "true" if stdin is not None else "false"})
        try:
            # Attached before the start, no output is missed.
            with Session(self._endpoint, f"/v1/containers/{container}/attach?{query}") as session:
                start_container.sync(container, client=self.api)
                return session.copy(stdin, stdout, stderr)
        except BaseException:
            if spec.auto_remove:
                self._discard(container)
            raise

    def exec(
        self,
        container: str,
        spec: ExecSpec,
        *,
        stdin: BinaryIO | bytes | None = None,
        stdout: BinaryIO | None = None,
        stderr: BinaryIO | None = None,
    ) -> int:
        """Runs a command in a running container to its end and returns the exit code."""
        made = create_exec.sync(container, client=self.api, body=attrs.evolve(spec, stdin=stdin is not None))
        with Session(self._endpoint, f"/v1/containers/{made.container_id}/execs/{made.id}/attach") as session:
            return session.copy(stdin, stdout, stderr)

    def _discard(self, container: str) -> None:
        """Removes a container that may be gone already."""
        with contextlib.suppress(CardplaneError):
            delete_container.sync_detailed(container, client=self.api, force=True)

    def _lines(self, path: str, query: dict[str, Any]) -> Iterator[str]:
        given = {name: _parameter(value) for name, value in query.items() if value is not None}
        try:
            with self._http.stream("GET", path, params=given) as response:
                yield from response.iter_lines()
        except httpx.TransportError as error:
            raise lost(self._endpoint.text, error) from error

    def _download(self, target: BinaryIO, method: str, path: str, **request: Any) -> None:
        try:
            with self._http.stream(method, path, **request) as response:
                for part in response.iter_bytes():
                    target.write(part)
        except httpx.TransportError as error:
            raise lost(self._endpoint.text, error) from error


def _archive_of(container: str) -> str:
    return f"/v1/containers/{quote(container, safe='')}/archive"


def _parameter(value: Any) -> Any:
    """A value as a query has it: times as in RFC 3339, those without a zone being local."""
    return value.astimezone().isoformat() if isinstance(value, datetime) else value
