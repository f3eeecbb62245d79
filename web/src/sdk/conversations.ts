// All conversations of the user. Pure state: events, pages and sync answers go in; it says when a sync is due.
import { Emitter } from './emitter.js';
import type { Conversation, LogEvent, Message, MessagePage, SyncAnswer } from './protocol.js';
import { Timeline } from './timeline.js';

const STRAYS_LIMIT = 1000;

interface ConversationEvents {
  /** The list or one of its entries is different. */
  changed: undefined;
  /** Events of this conversation were applied, in order. */
  applied: { conversationId: string; events: LogEvent[] };
  /** A number is missing, or an event came of a conversation that is not known: call `sync`. */
  behind: undefined;
}

export class Conversations extends Emitter<ConversationEvents> {
  private readonly timelines = new Map<string, Timeline>();
  /** Events of conversations that are not known; those of them that a sync has been asked about. */
  private strays: LogEvent[] = [];
  private asked = new Set<LogEvent>();

  /** `me` is asked at every use: the user's id. */
  constructor(private readonly me: () => string | undefined) {
    super();
  }

  get(id: string): Timeline | undefined {
    return this.timelines.get(id);
  }

  /** Newest activity first. */
  list(): Timeline[] {
    const when = (timeline: Timeline) => timeline.info.updatedAt;

    return [...this.timelines.values()].sort((a, b) => (when(a) < when(b) ? 1 : -1));
  }

  /** What `sync` is asked with; its answer goes to `applySync`. */
  beginSync(): Record<string, number> {
    this.asked = new Set(this.strays);
    return this.cursors();
  }

  get isBehind(): boolean {
    return (
      this.strays.length > 0 || [...this.timelines.values()].some((timeline) => timeline.hasGap)
    );
  }

  /** Makes conversations known as they are now; their past is read by pages. Those already known stay. */
  adopt(conversations: Conversation[]): void {
    for (const info of conversations) {
      if (!this.timelines.has(info.id)) this.timelines.set(info.id, new Timeline(info));
    }
    const waiting = this.strays.filter((event) => this.timelines.has(event.conversationId));

    this.strays = this.strays.filter((event) => !this.timelines.has(event.conversationId));
    waiting.forEach((event) => this.receive(event));
    this.emit('changed', undefined);
  }

  /** A live event: applied once and in its turn, however often and whenever it comes. */
  receive(event: LogEvent): void {
    if (event.kind === 'conversation.created' && !this.timelines.has(event.conversationId)) {
      this.adopt([{ ...event.conversation, lastSeq: event.seq }]);
      return;
    }
    const timeline = this.timelines.get(event.conversationId);

    if (!timeline) this.setAside(event);
    else this.applied(timeline, timeline.receive(event));
    if (!timeline || timeline.hasGap) this.emit('behind', undefined);
  }

  /** Returns whether the answer brought anything new: a caller that asks again and again should wait if not. */
  applySync(answer: SyncAnswer): boolean {
    const before = JSON.stringify(this.cursors());

    this.adopt(answer.joined);
    for (const [id, missed] of Object.entries(answer.conversations)) {
      const timeline = this.timelines.get(id);

      if (timeline) this.applied(timeline, timeline.catchUp(missed));
    }
    answer.left.forEach((id) => this.drop(id));
    this.strays = this.strays.filter((event) => !this.asked.has(event)); // of none of the user's conversations
    return JSON.stringify(this.cursors()) !== before;
  }

  addOlder(id: string, page: MessagePage): void {
    this.timelines.get(id)?.addOlder(page.messages, page.prevCursor);
    this.emit('changed', undefined);
  }

  /** The sender has its answer before, or without, the event; the cursor waits for the event all the same. */
  putSent(message: Message): void {
    this.timelines.get(message.conversationId)?.put(message);
    this.emit('changed', undefined);
  }

  markRead(id: string): void {
    const timeline = this.timelines.get(id);

    if (!timeline?.unread) return;
    timeline.unread = 0;
    this.emit('changed', undefined);
  }

  private cursors(): Record<string, number> {
    return Object.fromEntries([...this.timelines].map(([id, timeline]) => [id, timeline.lastSeq]));
  }

  private applied(timeline: Timeline, events: LogEvent[]): void {
    const conversationId = timeline.info.id;

    if (events.length === 0) return;
    for (const event of events) {
      if (event.kind === 'message.created' && event.actorId !== this.me()) timeline.unread++;
      if (event.kind === 'member.removed' && event.userId === this.me())
        this.timelines.delete(conversationId);
    }
    this.emit('applied', { conversationId, events });
    this.emit('changed', undefined);
  }

  private drop(id: string): void {
    if (this.timelines.delete(id)) this.emit('changed', undefined);
  }

  private setAside(event: LogEvent): void {
    if (this.strays.length < STRAYS_LIMIT) this.strays.push(event);
  }
}
