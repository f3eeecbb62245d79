// Who is logged in, and a valid access token for whoever asks. The tokens live in localStorage and belong to all tabs.
//
// A refresh token works once, and a second use ends the session, so a repeat must be recognisable as one: every
// refresh token gets its Idempotency-Key when it is stored. A retry, a reload in between and a second tab that is
// not held back by the lock thus all send the same request, and the server answers all of them alike.
import { Emitter } from './emitter.js';
import { ParleyError } from './errors.js';
import type { Http } from './http.js';
import type { Tokens, User } from './protocol.js';
import { withRetry } from './retry.js';
import { uuidv7 } from './uuid.js';

const KEY = 'parley.session';
const RENEW_BEFORE_MS = 30_000; // at most a fifth of a token's life: tests and cautious operators make it short
const REFRESH_TRIES = 5;

interface Stored {
  user: User;
  accessToken: string;
  renewAt: number;
  refreshToken: string;
  refreshKey: string;
}

export class Session extends Emitter<{ ended: undefined }> {
  private renewal: Promise<string> | null = null;

  constructor(
    private readonly http: Http,
    private readonly storage: Storage,
    private readonly now: () => number = Date.now,
  ) {
    super();
  }

  get user(): User | null {
    return this.read()?.user ?? null;
  }

  start(tokens: Tokens): void {
    const { user, accessToken, refreshToken, expiresIn } = tokens;
    const renewAt = this.now() + expiresIn * 1000 - Math.min(RENEW_BEFORE_MS, expiresIn * 200);
    const stored: Stored = { user, accessToken, renewAt, refreshToken, refreshKey: uuidv7() };

    this.storage.setItem(KEY, JSON.stringify(stored));
  }

  end(): void {
    if (!this.read()) return;
    this.storage.removeItem(KEY);
    this.emit('ended', undefined);
  }

  /** An access token that is good for a while yet. */
  async token(): Promise<string> {
    const stored = this.read();

    return stored && this.isFresh(stored) ? stored.accessToken : this.renew(stored?.accessToken);
  }

  /** A token other than `used`, which the server refused or will soon: another tab's newer one, or a new one. */
  renew(used: string | undefined = this.read()?.accessToken): Promise<string> {
    this.renewal ??= oneTabAtATime(() => this.refresh(used)).finally(() => (this.renewal = null));
    return this.renewal;
  }

  private async refresh(used: string | undefined): Promise<string> {
    const stored = this.read();

    if (!stored)
      throw new ParleyError({ code: 'unauthorized', message: 'You are logged out.' }, 401);
    if (stored.accessToken !== used && this.isFresh(stored)) return stored.accessToken;
    try {
      const tokens = await withRetry(REFRESH_TRIES, () => this.post(stored));

      if (this.holds(stored)) this.start(tokens);
      return tokens.accessToken;
    } catch (error) {
      if (error instanceof ParleyError && error.status === 401 && this.holds(stored)) this.end();
      throw error;
    }
  }

  private holds(stored: Stored): boolean {
    return this.read()?.refreshToken === stored.refreshToken;
  }

  private post(stored: Stored): Promise<Tokens> {
    return this.http<Tokens>({
      method: 'POST',
      path: '/api/auth/refresh',
      body: { refreshToken: stored.refreshToken },
      idempotencyKey: stored.refreshKey,
    });
  }

  private isFresh(stored: Stored): boolean {
    return this.now() < stored.renewAt;
  }

  private read(): Stored | null {
    try {
      return JSON.parse(this.storage.getItem(KEY) ?? 'null') as Stored | null;
    } catch {
      return null;
    }
  }
}

/** Browsers offer locks in secure contexts only; without them the Idempotency-Key alone keeps tabs from harm. */
function oneTabAtATime<T>(task: () => Promise<T>): Promise<T> {
  return globalThis.navigator?.locks ? (navigator.locks.request(KEY, task) as Promise<T>) : task();
}
