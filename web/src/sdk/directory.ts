// Who is behind an id. A name is asked for once and kept; until it is there, nothing is known and nobody waits.
import type { Api } from './api.js';
import { Emitter } from './emitter.js';
import type { User } from './protocol.js';
import { withRetry } from './retry.js';

const TRIES = 5;

export class Directory extends Emitter<{ changed: undefined }> {
  private readonly users = new Map<string, User | null>();

  constructor(private readonly api: Api) {
    super();
  }

  learn(...users: User[]): void {
    users.forEach((user) => this.users.set(user.id, user));
  }

  /** The user if known already; otherwise `changed` follows once it is. */
  find(id: string): User | null {
    if (!this.users.has(id)) void this.fetch(id);
    return this.users.get(id) ?? null;
  }

  private async fetch(id: string): Promise<void> {
    this.users.set(id, null);
    try {
      this.users.set(id, await withRetry(TRIES, () => this.api.user(id)));
      this.emit('changed', undefined);
    } catch {
      // Stays unknown until the page is loaded again.
    }
  }
}
