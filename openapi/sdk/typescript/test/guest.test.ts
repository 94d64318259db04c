// Runs containers in real guests. ci/suite starts the control plane, which has
// the image demo/python, and names it in CARDPLANE_HOST.
import assert from "node:assert/strict";
import { after, test } from "node:test";

import { Cardplane, CardplaneError, type ContainerSpec } from "../src/index.js";

const card = new Cardplane(process.env.CARDPLANE_HOST);
after(() => card.close());

/** A container that runs a shell script. */
function shell(script: string): ContainerSpec {
  return { image: "demo/python", command: ["sh", "-c", script], labels: { sdk: "typescript" } };
}

/** Streams that remember what they were given. */
function recorder() {
  const got = { out: "", err: "" };
  return { got, stdout: (data: Buffer) => void (got.out += data), stderr: (data: Buffer) => void (got.err += data) };
}

test("a program runs to its end, and is gone", async () => {
  const streams = recorder();
  const spec = { ...shell("cat; echo problem >&2; exit 7"), name: "ts-run", autoRemove: true };
  const input = Buffer.alloc(200_000, "0123456789abcde\n");
  assert.equal(await card.run(spec, { ...streams, stdin: input }), 7);
  assert.equal(streams.got.out, input.toString());
  assert.equal(streams.got.err, "problem\n");
  await card.wait("ts-run").catch((error) => assert.equal(error.code, "container_not_found"));
});

test("a container is followed, executed in and waited for", async () => {
  const created = await card.api.POST("/v1/containers", {
    body: shell("trap 'echo ended; exit 3' TERM; echo begun; while :; do sleep 0.05; done"),
  });
  const { id } = created.data!;
  await card.api.POST("/v1/containers/{container}/start", { params: { path: { container: id } } });
  try {
    let log = "";
    for await (const record of card.logs(id, { follow: true })) {
      log += record.data;
      if (log === "begun\n") {
        const streams = recorder();
        assert.equal(await card.exec(id, { command: ["sh", "-c", "echo done; exit 5"] }, streams), 5);
        assert.equal(streams.got.out, "done\n");
        await card.api.POST("/v1/containers/{container}/kill", { params: { path: { container: id } }, body: { signal: "SIGTERM" } });
      }
    }
    assert.equal(log, "begun\nended\n");
    assert.equal((await card.wait(id)).exitCode, 3);
    const types: string[] = [];
    for await (const event of card.events({ since: 0 })) {
      if (event.subject === id) types.push(event.type);
      if (types.includes("container.exit")) break;
    }
    assert.deepEqual(types.filter((type) => type.startsWith("container.")), ["container.create", "container.start", "container.exit"]);
    const ends: string[] = [];
    const query = { since: 0, follow: false, container: [id], type: ["container.create", "container.exit"], until: undefined };
    for await (const event of card.events(query)) ends.push(event.type);
    assert.deepEqual(ends, ["container.create", "container.exit"]);
  } finally {
    await card.api.DELETE("/v1/containers/{container}", { params: { path: { container: id }, query: { force: true } } });
  }
});

/** Requires that a call fails with an error that has these properties. */
const fails = (call: Promise<unknown>, expected: Partial<CardplaneError>) => assert.rejects(call, { name: "CardplaneError", ...expected });

test("errors say what is wrong", async () => {
  await fails(card.run({ image: "nonesuch" }), { code: "image_not_found", kind: "not_found", status: 404 });
  await fails(card.run({ ...shell("true"), name: "-" }), { kind: "invalid_argument", field: "/name" });
  await fails(card.run({ image: "demo/python", command: ["nonesuch"], autoRemove: true }), { code: "command_not_found" });
  await fails(new Cardplane("unix:///nonexistent/socket").wait("x"), { code: "connection_lost", kind: "unavailable" });
  assert.throws(() => new Cardplane("nowhere"), { code: "invalid_endpoint" });
});
