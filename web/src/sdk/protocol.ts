// What the server says and hears, over REST and Socket.IO alike. Times are RFC 3339 text, ids opaque strings.

export interface User {
  id: string;
  username: string;
  displayName: string;
  createdAt: string;
  email?: string;
}

export interface Tokens {
  user: User;
  accessToken: string;
  expiresIn: number;
  refreshToken: string;
}

export type Role = 'owner' | 'admin' | 'member';

export interface Member {
  userId: string;
  role: Role;
}

export interface Message {
  id: string;
  conversationId: string;
  seq: number;
  senderId: string;
  clientId: string;
  text: string | null;
  editedAt: string | null;
  deletedAt: string | null;
  createdAt: string;
}

export interface Conversation {
  id: string;
  kind: 'direct' | 'group';
  title: string | null;
  members: Member[];
  memberCount: number;
  lastSeq: number;
  lastMessage: Message | null;
  updatedAt: string;
}

interface LoggedEvent {
  conversationId: string;
  seq: number;
  actorId: string | null;
  at: string;
}

/** One entry of a conversation's log. Kinds that this client does not know are numbers to be counted, no more. */
export type LogEvent = LoggedEvent &
  (
    | { kind: 'message.created' | 'message.edited' | 'message.deleted'; message: Message }
    | { kind: 'conversation.created'; conversation: Conversation }
    | { kind: 'conversation.updated'; title: string | null }
    | { kind: 'member.added' | 'member.removed' | 'member.updated'; userId: string; role: Role }
    | { kind: 'reaction.added' | 'reaction.removed' | 'attachment.scanned' | 'void' }
  );

export interface ConversationPage {
  conversations: Conversation[];
  nextCursor: string | null;
}

export interface MessagePage {
  messages: Message[];
  prevCursor: string | number | null;
}

/** What one conversation missed: `lastSeq` is the conversation's, `more` says that this page stops before it. */
export interface MissedEvents {
  events: LogEvent[];
  lastSeq: number;
  more: boolean;
}

export interface SyncAnswer {
  conversations: Record<string, MissedEvents>;
  joined: Conversation[];
  left: string[];
  more: boolean;
}

export interface SendAnswer {
  message: Message;
  durability: 'fsync' | 'majority';
  duplicate: boolean;
}

export interface NewConversation {
  kind: 'direct' | 'group';
  title?: string;
  memberIds: string[];
  clientId: string;
}

export interface ErrorBody {
  code: string;
  message: string;
  retryAfterMs?: number;
  details?: Record<string, unknown>;
}

export type Ack<T> = ({ ok: true } & T) | { ok: false; error: ErrorBody };
