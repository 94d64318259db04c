"""Runs containers in real guests.

ci/suite starts the control plane, which has the image demo/python, and names
it in CARDPLANE_HOST.
"""

import asyncio
import io
import os
import tarfile
import unittest
from datetime import UTC, datetime, timedelta
from typing import Any

from cardplane import Cardplane, CardplaneError
from cardplane.rest.api.containers import create_container, delete_container, kill_container, start_container
from cardplane.rest.api.system import get_version
from cardplane.rest.models import ContainerKill, ContainerSpec, ExecSpec

HOST = os.environ["CARDPLANE_HOST"]


def shell(script: str, **options: Any) -> ContainerSpec:
    """A container that runs a shell script."""
    return ContainerSpec(image="demo/python", command=["sh", "-c", script], **options)


def tar(content: bytes) -> io.BytesIO:
    """An archive with one file."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("file")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    out.seek(0)
    return out


def untar(archive: io.BytesIO, name: str) -> bytes:
    """What a file of an archive holds."""
    archive.seek(0)
    with tarfile.open(fileobj=archive) as opened:
        file = opened.extractfile(name)
        assert file is not None
        return file.read()


class GuestTest(unittest.TestCase):
    def setUp(self) -> None:
        self.card = Cardplane(HOST)
        self.addCleanup(self.card.close)

    def test_a_program_runs_to_its_end_and_is_gone(self) -> None:
        data = b"0123456789abcde\n" * 20_000
        out, err = io.BytesIO(), io.BytesIO()
        spec = shell("cat; echo problem >&2; exit 7", name="py-run", auto_remove=True)
        self.assertEqual(self.card.run(spec, stdin=data, stdout=out, stderr=err), 7)
        self.assertEqual((out.getvalue(), err.getvalue()), (data, b"problem\n"))
        try:
            self.card.wait("py-run")
        except CardplaneError as error:
            self.assertEqual(error.code, "container_not_found")

    def test_a_container_is_followed_executed_in_and_waited_for(self) -> None:
        script = "trap 'echo ended; exit 3' TERM; echo begun; while :; do sleep 0.05; done"
        container = create_container.sync(client=self.card.api, body=shell(script)).id
        self.addCleanup(delete_container.sync_detailed, container, client=self.card.api, force=True)
        start_container.sync(container, client=self.card.api)
        log = b""
        for record in self.card.logs(container, follow=True):
            log += record.data
            if log == b"begun\n":
                out = io.BytesIO()
                command = ExecSpec(command=["sh", "-c", "echo done; exit 5"])
                self.assertEqual(self.card.exec(container, command, stdout=out), 5)
                self.assertEqual(out.getvalue(), b"done\n")
                self.copy_in_and_out(container)
                kill_container.sync_detailed(container, client=self.card.api, body=ContainerKill(signal="SIGTERM"))
        self.assertEqual(log, b"begun\nended\n")
        self.assertEqual(self.card.wait(container).exit_code, 3)
        lifecycle: list[str] = []
        for event in self.card.events(since=0):
            if event.subject == container and event.type_.value.startswith("container."):
                lifecycle.append(event.type_.value)
            if "container.exit" in lifecycle:
                break
        self.assertEqual(lifecycle, ["container.create", "container.start", "container.exit"])
        past, future = datetime.now() - timedelta(days=1), datetime.now(UTC) + timedelta(days=1)
        self.assertEqual(b"".join(record.data for record in self.card.logs(container, since=past)), log)
        self.assertEqual(list(self.card.logs(container, since=future, tail=None)), [])
        query = {"from": past, "until": datetime.now(UTC), "type": ["container.create", "container.exit"]}
        events = self.card.events(since=0, follow=False, container=[container], **query)
        self.assertEqual([event.type_.value for event in events], ["container.create", "container.exit"])

    def copy_in_and_out(self, container: str) -> None:
        """Copies a file into a container that runs, and back."""
        self.card.copy_in(container, "/tmp", tar(b"copied\n"))
        out = io.BytesIO()
        self.card.copy_out(container, "/tmp/file", out)
        self.assertEqual(untar(out, "file"), b"copied\n")
        self.assertEqual(self.fails(self.card.copy_out, container, "/nope", out).status, 404)

    def test_images_are_saved(self) -> None:
        saved = io.BytesIO()
        self.card.save(["demo/probe"], saved)
        self.assertIn(b"imageLayoutVersion", untar(saved, "oci-layout"))

    def test_asyncio(self) -> None:
        version = asyncio.run(get_version.asyncio(client=self.card.api))
        self.assertEqual(version.api_version, "v1")

    def test_errors_say_what_is_wrong(self) -> None:
        missing = self.fails(self.card.run, ContainerSpec(image="nonesuch"))
        self.assertEqual((missing.code, missing.kind, missing.status), ("image_not_found", "not_found", 404))
        self.assertEqual(self.fails(self.card.run, shell("true", name="-")).field, "/name")
        spec = ContainerSpec(image="demo/python", command=["nonesuch"], auto_remove=True)
        self.assertEqual(self.fails(self.card.run, spec).code, "command_not_found")
        self.assertEqual(self.fails(Cardplane("unix:///nonexistent/socket").wait, "x").code, "connection_lost")
        self.assertEqual(self.fails(Cardplane, "nowhere").code, "invalid_endpoint")

    def fails(self, call: Any, *arguments: Any) -> CardplaneError:
        with self.assertRaises(CardplaneError) as caught:
            call(*arguments)
        return caught.exception


if __name__ == "__main__":
    unittest.main()
