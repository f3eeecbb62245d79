// One HTTP request to the server: JSON in, JSON out, every failure a ParleyError.
import { ParleyError, networkError } from './errors.js';
import type { ErrorBody } from './protocol.js';

const TIMEOUT_MS = 20_000;

export interface HttpRequest {
  method: string;
  path: string;
  body?: unknown;
  token?: string;
  idempotencyKey?: string;
}

export type Http = <T>(request: HttpRequest) => Promise<T>;

/** `base` is the server's origin, empty for the page's own. */
export function httpTo(base: string): Http {
  return async <T>(request: HttpRequest): Promise<T> => {
    const response = await exchange(base, request);

    if (!response.ok) throw await refusal(response);
    return (response.status === 204 ? undefined : await parsed(response)) as T;
  };
}

async function exchange(base: string, request: HttpRequest): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), TIMEOUT_MS);

  if (request.token) headers['Authorization'] = `Bearer ${request.token}`;
  if (request.idempotencyKey) headers['Idempotency-Key'] = request.idempotencyKey;
  if (request.body !== undefined) headers['Content-Type'] = 'application/json';
  try {
    return await fetch(base + request.path, {
      method: request.method,
      headers,
      body: request.body === undefined ? null : JSON.stringify(request.body),
      cache: 'no-store',
      signal: abort.signal,
    });
  } catch {
    throw networkError('The server cannot be reached.');
  } finally {
    clearTimeout(timer);
  }
}

async function parsed(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    throw networkError('The answer of the server was cut off.');
  }
}

/** A proxy's error page has no code of ours: 5xx is `unavailable`, the rest `http_<status>`. */
async function refusal(response: Response): Promise<ParleyError> {
  const known = (await response.json().catch(() => null)) as { error?: ErrorBody } | null;
  const retryAfter = Number(response.headers.get('Retry-After'));
  const body: ErrorBody = known?.error ?? {
    code: response.status >= 500 ? 'unavailable' : `http_${response.status}`,
    message: `The server answered with status ${response.status}.`,
  };

  if (body.retryAfterMs === undefined && retryAfter > 0) body.retryAfterMs = retryAfter * 1000;
  return new ParleyError(body, response.status);
}
