"""How a control plane is reached, with errors raised in one place."""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from .errors import CardplaneError, from_answer, lost


class Endpoint:
    """The address of a control plane: unix:///path, tcp://host:port or https://host:port."""

    def __init__(self, text: str, ssl_context: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(text)
        self.text = text
        self.ssl_context = ssl_context
        self.socket: str | None = None
        if parts.scheme == "unix" and not parts.netloc and parts.path:
            self.socket, self.url = unquote(parts.path), "http://cardplane"
        elif parts.scheme in ("tcp", "http") and parts.netloc:
            self.url = f"http://{parts.netloc}"
        elif parts.scheme == "https" and parts.netloc:
            self.url = f"https://{parts.netloc}"
            self.ssl_context = ssl_context or ssl.create_default_context()
        else:
            raise CardplaneError(
                f"{text!r} is no address of a control plane; use unix:///path, tcp://host:port or https://host:port",
                code="invalid_endpoint",
                kind="invalid_argument",
            )

    def arguments(self) -> dict[str, Any]:
        """What httpx's transports need to reach it."""
        return {"uds": self.socket, "verify": self.ssl_context or False}


class Transport(httpx.HTTPTransport):
    """Raises a CardplaneError unless a request succeeds."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(**endpoint.arguments())
        self.endpoint = endpoint.text

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            response = super().handle_request(request)
            if response.status_code >= 400:
                raise from_answer(response.status_code, response.read())
            return response
        except httpx.TransportError as error:
            raise lost(self.endpoint, error) from error


class AsyncTransport(httpx.AsyncHTTPTransport):
    """The same for asyncio."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(**endpoint.arguments())
        self.endpoint = endpoint.text

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            response = await super().handle_async_request(request)
            if response.status_code >= 400:
                raise from_answer(response.status_code, await response.aread())
            return response
        except httpx.TransportError as error:
            raise lost(self.endpoint, error) from error
