// How long to wait before the next try: as the server asked, else doubling, with jitter so that clients spread out.
import { ParleyError, isTransient } from './errors.js';

const FIRST_MS = 500;
const LONGEST_MS = 10_000;

/** `attempt` counts the failures so far, from 1. */
export function retryDelayMs(error: unknown, attempt: number, random = Math.random): number {
  const doubled = Math.min(LONGEST_MS, FIRST_MS * 2 ** (attempt - 1));
  const asked = error instanceof ParleyError ? (error.retryAfterMs ?? 0) : 0;

  return Math.max(asked, doubled / 2) + (doubled / 2) * random();
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Repeats what failed transiently, at most `tries` times in all; the caller's request must be safe to repeat. */
export async function withRetry<T>(tries: number, request: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await request();
    } catch (error) {
      if (attempt >= tries || !isTransient(error)) throw error;
      await sleep(retryDelayMs(error, attempt));
    }
  }
}
