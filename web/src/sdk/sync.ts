// Brings the conversations up to date: after every connect, on `resync`, and when a number is missing. One run at a
// time; a reason that comes in meanwhile makes it go round once more.
import type { Api } from './api.js';
import type { Conversations } from './conversations.js';
import { isTransient } from './errors.js';
import type { Link } from './link.js';
import type { SyncAnswer } from './protocol.js';
import { retryDelayMs, sleep } from './retry.js';

const EVENTS_PER_ANSWER = 500;

export class Sync {
  private running = false;
  private again = false;
  private listed = false;

  constructor(
    private readonly api: Api,
    private readonly link: Link,
    private readonly conversations: Conversations,
  ) {}

  async run(): Promise<void> {
    this.again = true;
    if (this.running) return;
    this.running = true;
    for (let idle = 0; this.again && this.link.isConnected; ) {
      this.again = false;
      try {
        idle = (await this.round()) ? 0 : idle + 1;
      } catch (error) {
        if (!isTransient(error)) break;
        this.again = true;
        await sleep(retryDelayMs(error, ++idle));
        continue;
      }
      if (this.again && idle > 0) await sleep(retryDelayMs(null, idle));
    }
    this.running = false;
  }

  /** Returns whether it brought anything new. */
  private async round(): Promise<boolean> {
    if (!this.listed) await this.loadList();
    this.listed = true;
    const cursors = this.conversations.beginSync();
    const answer = await this.link.ask<SyncAnswer>('sync', { cursors, limit: EVENTS_PER_ANSWER });
    const isNew = this.conversations.applySync(answer);

    this.again ||= answer.more || this.conversations.isBehind;
    return isNew;
  }

  private async loadList(): Promise<void> {
    let cursor: string | undefined;

    do {
      const page = await this.api.conversations(cursor);

      this.conversations.adopt(page.conversations);
      cursor = page.nextCursor ?? undefined;
    } while (cursor);
  }
}
