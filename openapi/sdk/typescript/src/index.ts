export { Cardplane, defaultEndpoint, type Output, type TLS } from "./client.js";
export { CardplaneError } from "./errors.js";
export type { Streams } from "./session.js";
export type * from "./schema.gen.js";
