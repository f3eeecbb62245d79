// One conversation as this device knows it: a window of its log from `from` to its end, and the messages in it.
//
// `lastSeq` is the cursor: everything up to it is applied. An event beyond the next number waits in `ahead` until a
// sync has brought what is missing; what is older than `from` comes by pages, and only when somebody looks.
import type { Conversation, LogEvent, Message, MissedEvents } from './protocol.js';

const AHEAD_LIMIT = 1000;

export class Timeline {
  info: Conversation;
  lastSeq: number;
  unread = 0;
  /** Cursor of the next older page; null when history has been read to its beginning. */
  olderThan: string | number | null;
  private from: number;
  private messages: Message[] = [];
  private readonly ahead = new Map<number, LogEvent>();

  constructor(info: Conversation) {
    this.info = info;
    this.lastSeq = info.lastSeq;
    this.from = info.lastSeq + 1;
    this.olderThan = this.from;
  }

  /** Ascending by seq; a new array after every change. */
  get list(): readonly Message[] {
    return this.messages;
  }

  /** Whether an event waits for one that is missing. */
  get hasGap(): boolean {
    return this.ahead.size > 0;
  }

  /** Returns what could be applied now, in order: nothing (a repeat, a gap), the event, or it and its successors. */
  receive(event: LogEvent): LogEvent[] {
    if (event.seq <= this.lastSeq) return [];
    if (event.seq === this.lastSeq + 1 || this.ahead.size < AHEAD_LIMIT)
      this.ahead.set(event.seq, event);
    return this.drain();
  }

  /** A page of a sync answer has no gaps: a number that it skips is not for this user. */
  catchUp(missed: MissedEvents): LogEvent[] {
    const applied: LogEvent[] = [];

    for (const event of missed.events) {
      if (event.seq <= this.lastSeq) continue;
      this.apply(event);
      applied.push(event);
    }
    if (!missed.more) this.lastSeq = Math.max(this.lastSeq, missed.lastSeq);
    return applied.concat(this.drain());
  }

  /** Messages of an older page. Where an event has brought a newer version already, that one stays. */
  addOlder(messages: Message[], olderThan: string | number | null): void {
    const known = new Set(this.messages.map((message) => message.seq));
    const older = messages.filter((message) => !known.has(message.seq));

    this.messages = [...older, ...this.messages].sort((a, b) => a.seq - b.seq);
    this.from = Math.min(this.from, ...messages.map((message) => message.seq));
    this.olderThan = olderThan;
    if (olderThan === null) this.from = 0;
  }

  /** A message in its present version, in its place. */
  put(message: Message): void {
    if (message.seq < this.from) return; // its page brings it
    const others = this.messages.filter((other) => other.seq !== message.seq);
    const place = others.findIndex((other) => other.seq > message.seq);

    others.splice(place < 0 ? others.length : place, 0, message);
    this.messages = others;
  }

  private drain(): LogEvent[] {
    const applied: LogEvent[] = [];

    for (const seq of this.ahead.keys()) {
      if (seq <= this.lastSeq) this.ahead.delete(seq);
    }
    for (
      let next = this.ahead.get(this.lastSeq + 1);
      next;
      next = this.ahead.get(this.lastSeq + 1)
    ) {
      this.ahead.delete(next.seq);
      this.apply(next);
      applied.push(next);
    }
    return applied;
  }

  private apply(event: LogEvent): void {
    this.lastSeq = event.seq;
    if ('message' in event) this.applyMessage(event.kind, event.message);
    else if (event.kind === 'conversation.updated')
      this.info = { ...this.info, title: event.title };
    else if ('userId' in event) this.applyMember(event);
    this.info = { ...this.info, lastSeq: event.seq, updatedAt: event.at };
  }

  private applyMessage(kind: LogEvent['kind'], message: Message): void {
    const isLast = kind === 'message.created' || message.seq === this.info.lastMessage?.seq;

    this.put(message);
    if (isLast) this.info = { ...this.info, lastMessage: message };
  }

  private applyMember({ kind, userId, role }: Extract<LogEvent, { userId: string }>): void {
    const others = this.info.members.filter((member) => member.userId !== userId);
    const members = kind === 'member.removed' ? others : [...others, { userId, role }];
    const change = kind === 'member.added' ? 1 : kind === 'member.removed' ? -1 : 0;

    this.info = { ...this.info, members, memberCount: this.info.memberCount + change };
  }
}
