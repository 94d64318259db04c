"""Attachments to a process over a WebSocket, as the document describes them under "Streams"."""

from __future__ import annotations

import contextlib
import io
import json
import threading
from typing import BinaryIO

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect, unix_connect

from .errors import from_answer, from_problem, lost
from .transport import Endpoint

SUBPROTOCOL = "cardplane.stream.v1"
MAX_PAYLOAD = 65536
STDIN, STDOUT, STDERR, STATUS, STDIN_END = 0, 1, 2, 3, 5


class Session:
    """One attachment, for a with statement. Leaving it detaches; the process goes on."""

    def __init__(self, endpoint: Endpoint, path: str) -> None:
        self._endpoint = endpoint
        self._path = path
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Session:
        try:
            self._socket: ClientConnection = self._open.enter_context(_dial(self._endpoint, self._path))
        except InvalidStatus as error:
            raise from_answer(error.response.status_code, error.response.body or b"") from error
        except (OSError, WebSocketException) as error:
            raise lost(self._endpoint.text, error) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def copy(self, stdin: BinaryIO | bytes | None, stdout: BinaryIO | None, stderr: BinaryIO | None) -> int:
        """Copies streams until the process has ended and returns its exit code."""
        if stdin is not None:
            source = io.BytesIO(stdin) if isinstance(stdin, bytes) else stdin
            threading.Thread(target=self._send, args=(source,), daemon=True).start()
        sinks = {STDOUT: stdout, STDERR: stderr}
        try:
            while True:
                message = self._socket.recv()
                channel, payload = message[0], message[1:]
                if channel == STATUS:
                    return _exit_code(payload)
                if (sink := sinks[channel]) is not None:
                    sink.write(payload)
        except ConnectionClosed as error:
            raise lost(self._endpoint.text, error) from error

    def _send(self, source: BinaryIO) -> None:
        """Sends all input and then its end. The process may end first."""
        try:
            while data := source.read(MAX_PAYLOAD):
                self._socket.send(bytes([STDIN]) + data)
            self._socket.send(bytes([STDIN_END]))
        except ConnectionClosed:
            return


def _dial(endpoint: Endpoint, path: str) -> contextlib.AbstractContextManager[ClientConnection]:
    url = endpoint.url.replace("http", "ws", 1) + path
    # The server pings, and does not insist on pongs while it cannot write.
    options = {"subprotocols": [SUBPROTOCOL], "compression": None, "max_size": MAX_PAYLOAD + 1, "ping_interval": None}
    if endpoint.socket is not None:
        return unix_connect(endpoint.socket, url, **options)
    return connect(url, ssl=endpoint.ssl_context, **options)


def _exit_code(payload: bytes) -> int:
    """Reads a StreamStatus."""
    status = json.loads(payload)
    if "error" in status:
        raise from_problem(status["error"])
    return status["exitCode"]
