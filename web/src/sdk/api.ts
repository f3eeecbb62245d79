// The REST calls, with the session's token; a token that has just ended is renewed and the call repeated.
import { ParleyError } from './errors.js';
import type { Http, HttpRequest } from './http.js';
import type {
  Conversation,
  ConversationPage,
  MessagePage,
  NewConversation,
  Tokens,
  User,
} from './protocol.js';
import type { Session } from './session.js';

export interface Registration {
  username: string;
  email: string;
  password: string;
  displayName?: string;
}

const PAGE = 50;

export class Api {
  constructor(
    private readonly http: Http,
    private readonly session: Session,
  ) {}

  register(registration: Registration): Promise<Tokens> {
    return this.http({ method: 'POST', path: '/api/auth/register', body: registration });
  }

  /** `login` is a username or an email address. */
  login(login: string, password: string): Promise<Tokens> {
    return this.http({ method: 'POST', path: '/api/auth/login', body: { login, password } });
  }

  logout(): Promise<void> {
    return this.authorized({ method: 'POST', path: '/api/auth/logout' });
  }

  user(id: string): Promise<User> {
    return this.get(`/api/users/${encodeURIComponent(id)}`);
  }

  async findUsers(prefix: string): Promise<User[]> {
    const found = await this.get<{ users: User[] }>(
      `/api/users?${query({ q: prefix, limit: 10 })}`,
    );

    return found.users;
  }

  conversations(cursor?: string): Promise<ConversationPage> {
    return this.get(`/api/conversations?${query({ cursor, limit: PAGE })}`);
  }

  createConversation(conversation: NewConversation): Promise<Conversation> {
    return this.authorized({ method: 'POST', path: '/api/conversations', body: conversation });
  }

  messages(conversationId: string, before: string | number): Promise<MessagePage> {
    const path = `/api/conversations/${encodeURIComponent(conversationId)}/messages`;

    return this.get(`${path}?${query({ before, limit: PAGE })}`);
  }

  private get<T>(path: string): Promise<T> {
    return this.authorized({ method: 'GET', path });
  }

  private async authorized<T>(request: HttpRequest): Promise<T> {
    const token = await this.session.token();

    try {
      return await this.http<T>({ ...request, token });
    } catch (error) {
      if (!(error instanceof ParleyError) || error.status !== 401) throw error;
      return this.http<T>({ ...request, token: await this.session.renew(token) });
    }
  }
}

function query(members: Record<string, string | number | undefined>): string {
  const given = Object.entries(members).filter(([, value]) => value !== undefined);

  return new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
}
