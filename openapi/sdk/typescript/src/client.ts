import createClient, { type Client } from "openapi-fetch";
import { Agent, fetch, Request, type RequestInit, type Response } from "undici";

import { CardplaneError } from "./errors.js";
import type { Container, ContainerSpec, Event, ExecSpec, ImageList, LogRecord, operations, paths, WaitCondition } from "./schema.gen.js";
import { attach, type Streams } from "./session.js";
import { lines } from "./lines.js";

/** Where cardplaned listens unless told otherwise. */
export const defaultEndpoint = "unix:///run/cardplane/cardplane.sock";

/** How long one request of wait lasts at most, in seconds. */
const waitSeconds = 300;

/** What an https endpoint is trusted by, and shows of this side: PEM. */
export interface TLS {
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
}

/** The parameters that an operation takes in its query. */
type Query<O extends keyof operations> = operations[O] extends { parameters: { query?: infer Q } } ? Q : never;

/** A record of a log, with its bytes. */
export type Output = Omit<LogRecord, "data"> & { data: Buffer };

/** One control plane. */
export class Cardplane {
  /**
   * Every operation of the document, typed. A call that fails throws a
   * CardplaneError; `data` is the answer.
   */
  readonly api: Client<paths>;

  private readonly base: string;
  private readonly agent: Agent;

  /** endpoint is unix:///path, tcp://host:port or https://host:port. */
  constructor(readonly endpoint: string = defaultEndpoint, tls: TLS = {}) {
    const { base, connect } = dial(endpoint, tls);
    this.base = base;
    // A wait, a start and a quiet stream may take any time.
    this.agent = new Agent({ connect, headersTimeout: 0, bodyTimeout: 0 });
    this.api = createClient<paths>({
      baseUrl: base,
      Request: Request as unknown as typeof globalThis.Request,
      fetch: ((request: Request) => this.fetch(request)) as unknown as (request: globalThis.Request) => Promise<globalThis.Response>,
    });
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    await this.agent.destroy();
  }

  /** Loads the images of a docker-archive or an OCI layout tar. */
  async load(archive: RequestInit["body"]): Promise<ImageList> {
    const headers = { "content-type": "application/octet-stream" };
    const response = await this.fetch(this.base + "/v1/images/load", { method: "POST", body: archive, headers, duplex: "half" });
    return (await response.json()) as ImageList;
  }

  /** The container's output as journalled on the card. */
  async *logs(container: string, query: Query<"getLogs"> = {}): AsyncGenerator<Output> {
    for await (const line of this.stream(`/v1/containers/${encodeURIComponent(container)}/logs`, query)) {
      const record = JSON.parse(line) as LogRecord;
      yield { ...record, data: Buffer.from(record.data, "base64") };
    }
  }

  /** What happens, from now on unless `since` is given. */
  async *events(query: Query<"getEvents"> = {}): AsyncGenerator<Event> {
    for await (const line of this.stream("/v1/events", query)) {
      if (line.startsWith("data: ")) yield JSON.parse(line.slice("data: ".length)) as Event;
    }
  }

  /** Answers once the container has ended as condition says, however long that takes. */
  async wait(container: string, condition: WaitCondition = "not-running"): Promise<Container> {
    let last: Container | undefined;
    for (;;) {
      try {
        const { data, response } = await this.api.GET("/v1/containers/{container}/wait", {
          params: { path: { container }, query: { timeoutSeconds: waitSeconds, condition } },
        });
        last = data!;
        if (response.status === 200) return last;
        container = last.id;
      } catch (error) {
        if (last && error instanceof CardplaneError && error.code === "container_not_found") return last;
        throw error;
      }
    }
  }

  /**
   * Creates a container, runs it to its end and returns the exit code. All
   * output has been passed on then. The container stays unless
   * spec.autoRemove is set; one that could not be run to its end then goes, too.
   */
  async run(spec: ContainerSpec, streams: Streams = {}): Promise<number> {
    const { data } = await this.api.POST("/v1/containers", { body: { ...spec, stdin: streams.stdin !== undefined } });
    const container = data!.id;
    try {
      // Attached before the start, no output is missed.
      const query = new URLSearchParams({ replay: "true", stdin: String(streams.stdin !== undefined) });
      const session = await this.attach(`/v1/containers/${container}/attach?${query}`, streams);
      await this.api.POST("/v1/containers/{container}/start", { params: { path: { container } } }).catch((error) => {
        session.close();
        throw error;
      });
      return await session.ended;
    } catch (error) {
      if (spec.autoRemove) await this.discard(container);
      throw error;
    }
  }

  /** Runs a command in a running container to its end and returns the exit code. */
  async exec(container: string, spec: ExecSpec, streams: Streams = {}): Promise<number> {
    const { data } = await this.api.POST("/v1/containers/{container}/execs", {
      params: { path: { container } },
      body: { ...spec, stdin: streams.stdin !== undefined },
    });
    const session = await this.attach(`/v1/containers/${data!.containerId}/execs/${data!.id}/attach`, streams);
    return session.ended;
  }

  private attach(path: string, streams: Streams) {
    return attach(this.base.replace(/^http/, "ws") + path, this.agent, streams, this.endpoint);
  }

  /** Removes a container that may be gone already. */
  private async discard(container: string): Promise<void> {
    await this.api.DELETE("/v1/containers/{container}", { params: { path: { container }, query: { force: true } } }).catch(() => undefined);
  }

  private async *stream(path: string, query: object): AsyncGenerator<string> {
    const response = await this.fetch(`${this.base}${path}?${search(query)}`);
    try {
      yield* lines(response.body!);
    } catch (error) {
      throw CardplaneError.lost(this.endpoint, error);
    }
  }

  /** Sends a request and throws unless it succeeds. */
  private async fetch(request: Request | string, init: RequestInit = {}): Promise<Response> {
    const response = await fetch(request, { ...init, dispatcher: this.agent }).catch((error: unknown) => {
      throw CardplaneError.lost(this.endpoint, error);
    });
    if (response.status >= 400) throw await CardplaneError.ofResponse(response);
    return response;
  }
}

/** The query string of what is given; a list has its name once for each item. */
function search(query: object): URLSearchParams {
  const out = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== undefined) out.append(name, String(item));
    }
  }
  return out;
}

/** How to reach an endpoint. */
function dial(endpoint: string, tls: TLS): { base: string; connect: Agent.Options["connect"] } {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url?.protocol === "unix:" && url.host === "") return { base: "http://cardplane", connect: { socketPath: decodeURIComponent(url.pathname) } };
  if ((url?.protocol === "tcp:" || url?.protocol === "http:") && url.host) return { base: `http://${url.host}`, connect: {} };
  if (url?.protocol === "https:" && url.host) return { base: `https://${url.host}`, connect: { ...tls } };
  throw new CardplaneError(`${JSON.stringify(endpoint)} is no address of a control plane; use unix:///path, tcp://host:port or https://host:port`, "invalid_endpoint", "invalid_argument");
}
