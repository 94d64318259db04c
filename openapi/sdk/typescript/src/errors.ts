import type { FieldError, Problem } from "./schema.gen.js";

/** An error of the control plane, or of the way to it. */
export class CardplaneError extends Error {
  override name = "CardplaneError";

  constructor(
    /** One sentence: what is wrong and what to do. */
    message: string,
    /** Stable and machine-readable, such as "image_not_found". */
    readonly code: string,
    /** What can be done about it, such as "not_found". */
    readonly kind: Problem["class"],
    /** The HTTP status; absent when there was no answer. */
    readonly status?: number,
    /** JSON pointer of the field of the request that is wrong, or the name of the parameter. */
    readonly field?: string,
    /** Last lines of a console or log that explain the failure. */
    readonly evidence: string[] = [],
    /** Everything that was found wrong with the request. */
    readonly errors: FieldError[] = [],
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** The error that a problem document describes. */
  static of(problem: Problem): CardplaneError {
    return new CardplaneError(problem.detail, problem.code, problem.class, problem.status, problem.field, problem.evidence, problem.errors);
  }

  /** The error of an answer whose status is 400 or more. */
  static async ofResponse(response: { status: number; text(): Promise<string> }): Promise<CardplaneError> {
    const text = await response.text();
    try {
      const problem = JSON.parse(text) as Problem;
      if (problem.code) return CardplaneError.of(problem);
    } catch {
      // It is not a problem document, and shows below as it is.
    }
    return new CardplaneError(`the server answered ${response.status}: ${text.slice(0, 200)}`, "unexpected_response", "internal", response.status);
  }

  /** The error of a request that got no answer, or of a stream that broke. */
  static lost(endpoint: string, cause: unknown): CardplaneError {
    const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
    return new CardplaneError(`the connection to cardplaned at ${endpoint} failed: ${inner}`, "connection_lost", "unavailable", undefined, undefined, [], [], { cause });
  }
}
