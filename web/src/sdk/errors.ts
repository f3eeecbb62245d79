// The one error type of the SDK, and the rule for which errors are worth another try.
import type { ErrorBody } from './protocol.js';

/** `code` is the server's, or `network` when no answer came: the outcome is then unknown. */
export class ParleyError extends Error {
  readonly code: string;
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  readonly details: Record<string, unknown>;

  constructor(body: ErrorBody, status = 0) {
    super(body.message);
    this.name = 'ParleyError';
    this.code = body.code;
    this.status = status;
    this.retryAfterMs = body.retryAfterMs;
    this.details = body.details ?? {};
  }
}

export function networkError(message: string): ParleyError {
  return new ParleyError({ code: 'network', message });
}

/** Whether the same request, with the same clientId, may well succeed later. */
export function isTransient(error: unknown): boolean {
  return (
    error instanceof ParleyError && ['network', 'unavailable', 'rate_limited'].includes(error.code)
  );
}
