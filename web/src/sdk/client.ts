// A user's Parley: what an application holds. It joins the parts and adds nothing but their wiring. It serves one
// session: after `ended` make another.
import { Api, type Registration } from './api.js';
import { Conversations } from './conversations.js';
import { Directory } from './directory.js';
import { Emitter } from './emitter.js';
import { httpTo } from './http.js';
import { Link } from './link.js';
import { Outbox, type OutboxEntry } from './outbox.js';
import type {
  Conversation,
  LogEvent,
  NewConversation,
  SendAnswer,
  Tokens,
  User,
} from './protocol.js';
import { withRetry } from './retry.js';
import { Session } from './session.js';
import { Sync } from './sync.js';
import { uuidv7 } from './uuid.js';

const TRIES = 4;

export type Connection = 'offline' | 'connecting' | 'online';

interface ClientEvents {
  connection: Connection;
  /** Logged out, here or from afar. */
  ended: undefined;
}

export interface ClientOptions {
  /** The server's origin; the page's own by default. */
  url?: string;
  storage?: Storage;
}

export class Client extends Emitter<ClientEvents> {
  readonly session: Session;
  readonly conversations = new Conversations(() => this.user?.id);
  readonly outbox: Outbox;
  readonly users: Directory;
  connection: Connection = 'offline';
  private readonly api: Api;
  private readonly link: Link;
  private readonly sync: Sync;
  private readonly loading = new Set<string>();

  constructor({ url = '', storage = localStorage }: ClientOptions = {}) {
    super();
    const http = httpTo(url);

    this.session = new Session(http, storage);
    this.api = new Api(http, this.session);
    this.users = new Directory(this.api);
    this.link = new Link(url, this.session);
    this.sync = new Sync(this.api, this.link, this.conversations);
    this.outbox = new Outbox({ transmit: (entry) => this.transmit(entry), storage });
    this.wire();
  }

  get user(): User | null {
    return this.session.user;
  }

  async register(registration: Registration): Promise<void> {
    this.begin(await this.api.register(registration));
  }

  async login(login: string, password: string): Promise<void> {
    this.begin(await this.api.login(login, password));
  }

  /** Goes on with the session of an earlier page; false if there is none. */
  resume(): boolean {
    const user = this.user;

    if (!user) return false;
    this.users.learn(user);
    this.outbox.open(user.id);
    this.setConnection('connecting');
    this.link.open();
    return true;
  }

  /** Ends the session on the server if it can be reached, and here in any case. */
  async logout(): Promise<void> {
    this.outbox.erase();
    this.link.close();
    await this.api.logout().catch(() => undefined);
    this.session.end();
  }

  /** Users whose name begins with `prefix`. */
  async findUsers(prefix: string): Promise<User[]> {
    const users = await this.api.findUsers(prefix);

    this.users.learn(...users);
    return users;
  }

  async createDirect(userId: string): Promise<Conversation> {
    return this.create({ kind: 'direct', memberIds: [userId], clientId: uuidv7() });
  }

  async createGroup(title: string, memberIds: string[]): Promise<Conversation> {
    return this.create({ kind: 'group', title, memberIds, clientId: uuidv7() });
  }

  /** Puts the message into the outbox, which sees to the rest. */
  send(conversationId: string, text: string): OutboxEntry {
    return this.outbox.send(conversationId, text);
  }

  /** One more page of history; does nothing at its beginning or while a page is on its way. */
  async loadOlder(conversationId: string): Promise<void> {
    const before = this.conversations.get(conversationId)?.olderThan ?? null;

    if (before === null || this.loading.has(conversationId)) return;
    this.loading.add(conversationId);
    try {
      const page = await withRetry(TRIES, () => this.api.messages(conversationId, before));

      this.conversations.addOlder(conversationId, page);
    } finally {
      this.loading.delete(conversationId);
    }
  }

  private begin(tokens: Tokens): void {
    this.session.start(tokens);
    this.resume();
  }

  private async create(wanted: NewConversation): Promise<Conversation> {
    const conversation = await withRetry(TRIES, () => this.api.createConversation(wanted));

    this.conversations.adopt([conversation]);
    return conversation;
  }

  private async transmit({ conversationId, clientId, text }: OutboxEntry) {
    const answer = await this.link.ask<SendAnswer>('message:send', {
      conversationId,
      clientId,
      text,
    });

    return answer.message;
  }

  private wire(): void {
    this.link.on('connected', () => this.onConnected());
    this.link.on('disconnected', () => this.onDisconnected());
    this.link.on('event', (event) => this.conversations.receive(event));
    this.link.on('resync', () => void this.sync.run());
    this.conversations.on('behind', () => void this.sync.run());
    this.conversations.on('applied', ({ events }) =>
      events.forEach((event) => this.settleOwn(event)),
    );
    this.outbox.on('sent', (message) => this.conversations.putSent(message));
    this.session.on('ended', () => this.onEnded());
  }

  private onConnected(): void {
    this.setConnection('online');
    this.outbox.setOnline(true);
    void this.sync.run();
  }

  private onDisconnected(): void {
    this.setConnection('connecting');
    this.outbox.setOnline(false);
  }

  private onEnded(): void {
    this.link.close();
    this.setConnection('offline');
    this.emit('ended', undefined);
  }

  private settleOwn(event: LogEvent): void {
    if (event.kind === 'message.created' && event.message.senderId === this.user?.id) {
      this.outbox.settle(event.message);
    }
  }

  private setConnection(connection: Connection): void {
    this.connection = connection;
    this.emit('connection', connection);
  }
}
