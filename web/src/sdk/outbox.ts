// Messages on their way. Each keeps its clientId from the first try until the server has answered, across time-outs,
// reconnections and reloads; the server takes a repeat for what it is. Per conversation one is under way at a time,
// so that a resend cannot change the order.
import { Emitter } from './emitter.js';
import { ParleyError, isTransient } from './errors.js';
import type { Message } from './protocol.js';
import { retryDelayMs } from './retry.js';
import { uuidv7 } from './uuid.js';

export interface OutboxEntry {
  clientId: string;
  conversationId: string;
  text: string;
  createdAt: string;
  /** Why the server refused it for good; without this member it is pending. */
  failure?: { code: string; message: string };
}

export interface OutboxOptions {
  /** Sends once; rejects with a ParleyError, `network` when no answer came in time. */
  transmit: (entry: OutboxEntry) => Promise<Message>;
  storage: Storage;
  /** Waits between tries; a test gives its own clock. */
  delay?: (run: () => void, ms: number) => void;
}

interface OutboxEvents {
  changed: undefined;
  /** The server has it: the message that it became. */
  sent: Message;
}

const PREFIX = 'parley.outbox.';

export class Outbox extends Emitter<OutboxEvents> {
  private entries: OutboxEntry[] = [];
  private prefix = '';
  private online = false;
  /** Conversations with a message under way; those that wait for their next try. */
  private readonly busy = new Set<string>();
  private readonly waiting = new Set<string>();
  private readonly attempts = new Map<string, number>();
  private readonly delay: (run: () => void, ms: number) => void;

  constructor(private readonly options: OutboxOptions) {
    super();
    this.delay = options.delay ?? ((run, ms) => void setTimeout(run, ms));
  }

  /** Takes up what this user's earlier pages left unsent. A key per message: tabs do not overwrite each other. */
  open(userId: string): void {
    this.prefix = `${PREFIX}${userId}.`;
    this.entries = this.storedKeys()
      .map((key) => parseEntry(this.options.storage.getItem(key)))
      .filter((entry): entry is OutboxEntry => entry !== null)
      .sort((a, b) => (a.clientId < b.clientId ? -1 : 1));
    this.emit('changed', undefined);
  }

  /** Forgets everything, in the storage too: the user logs out. */
  erase(): void {
    this.storedKeys().forEach((key) => this.options.storage.removeItem(key));
    this.entries = [];
    this.emit('changed', undefined);
  }

  list(conversationId: string): OutboxEntry[] {
    return this.entries.filter((entry) => entry.conversationId === conversationId);
  }

  send(conversationId: string, text: string): OutboxEntry {
    const createdAt = new Date().toISOString();
    const entry: OutboxEntry = { clientId: uuidv7(), conversationId, text, createdAt };

    this.entries.push(entry);
    this.save(entry);
    this.emit('changed', undefined);
    this.pump(conversationId);
    return entry;
  }

  /** Whether a try makes sense: told by the client at every connect and disconnect. */
  setOnline(online: boolean): void {
    this.online = online;
    this.waiting.clear();
    for (const { conversationId } of this.entries) this.pump(conversationId);
  }

  retry(clientId: string): void {
    this.replace(clientId, ({ failure: _, ...entry }) => entry);
  }

  discard(clientId: string): void {
    this.remove(clientId);
  }

  /** Also called when the event arrives before the answer. */
  settle(message: Message): void {
    if (!this.remove(message.clientId)) return;
    this.emit('sent', message);
  }

  private pump(conversationId: string): void {
    const entry = this.list(conversationId).find(({ failure }) => !failure);

    if (!this.online || !entry || this.busy.has(conversationId) || this.waiting.has(conversationId))
      return;
    this.busy.add(conversationId);
    this.options.transmit(entry).then(
      (message) => this.answered(conversationId, message),
      (error) => this.failed(entry, error),
    );
  }

  private answered(conversationId: string, message: Message): void {
    this.busy.delete(conversationId);
    this.settle(message);
    this.pump(conversationId);
  }

  private failed(entry: OutboxEntry, error: unknown): void {
    const { conversationId, clientId } = entry;
    const attempt = (this.attempts.get(clientId) ?? 0) + 1;

    this.busy.delete(conversationId);
    if (isTransient(error)) {
      this.attempts.set(clientId, attempt);
      this.pumpLater(conversationId, retryDelayMs(error, attempt));
      return;
    }
    const { code, message } =
      error instanceof ParleyError ? error : { code: 'invalid', message: String(error) };

    this.replace(clientId, (old) => ({ ...old, failure: { code, message } }));
  }

  /** Going online cuts the wait short. */
  private pumpLater(conversationId: string, ms: number): void {
    this.waiting.add(conversationId);
    this.delay(() => {
      this.waiting.delete(conversationId);
      this.pump(conversationId);
    }, ms);
  }

  private replace(clientId: string, change: (entry: OutboxEntry) => OutboxEntry): void {
    const index = this.entries.findIndex((entry) => entry.clientId === clientId);
    const old = this.entries[index];

    if (!old) return;
    this.entries[index] = change(old);
    this.save(this.entries[index]!);
    this.emit('changed', undefined);
    this.pump(old.conversationId);
  }

  private remove(clientId: string): boolean {
    const left = this.entries.filter((entry) => entry.clientId !== clientId);

    if (left.length === this.entries.length) return false;
    this.entries = left;
    this.attempts.delete(clientId);
    this.options.storage.removeItem(this.prefix + clientId);
    this.emit('changed', undefined);
    return true;
  }

  private save(entry: OutboxEntry): void {
    try {
      this.options.storage.setItem(this.prefix + entry.clientId, JSON.stringify(entry));
    } catch {
      // The storage is full: the message is sent all the same, and is lost only by a reload before that.
    }
  }

  private storedKeys(): string[] {
    const { storage } = this.options;
    const keys = Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? '');

    return keys.filter((key) => this.prefix !== '' && key.startsWith(this.prefix));
  }
}

function parseEntry(text: string | null): OutboxEntry | null {
  try {
    return JSON.parse(text ?? 'null') as OutboxEntry | null;
  } catch {
    return null;
  }
}
