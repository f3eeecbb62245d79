// What people read: errors, names, titles and times.
import { ParleyError, type Client, type Conversation, type Message } from '../sdk/index.js';

const SENTENCES: Record<string, string> = {
  network: 'The server cannot be reached. Is the connection up?',
  unavailable: 'The server is busy right now. Please try again in a moment.',
  rate_limited: 'That was too often in too short a time. Please wait a moment.',
  too_large: 'This is too long.',
  not_found: 'This does not exist any more.',
  forbidden: 'You are not allowed to do this.',
};

export function errorWords(error: unknown): string {
  if (!(error instanceof ParleyError))
    return 'Something went wrong in this page. Reload it and try again.';
  return SENTENCES[error.code] ?? sentence(error.message);
}

function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);

  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

export function userName(client: Client, id: string): string {
  const user = client.users.find(id);

  return user ? user.displayName || user.username : '…';
}

export function others(client: Client, conversation: Conversation): string[] {
  return conversation.members.map(({ userId }) => userId).filter((id) => id !== client.user?.id);
}

export function conversationTitle(client: Client, conversation: Conversation): string {
  const ids = others(client, conversation);

  if (conversation.title) return conversation.title;
  if (ids.length === 0) return 'Only you';
  const names = ids.slice(0, 3).map((id) => userName(client, id));

  return ids.length > 3 ? `${names.join(', ')} and ${ids.length - 3} more` : names.join(', ');
}

export function preview(client: Client, conversation: Conversation): string {
  const last = conversation.lastMessage;

  if (!last) return 'No messages yet';
  if (last.senderId === client.user?.id) return `You: ${messageText(last)}`;
  return conversation.kind === 'group'
    ? `${userName(client, last.senderId)}: ${messageText(last)}`
    : messageText(last);
}

export function messageText(message: Message): string {
  return message.deletedAt ? 'Message deleted' : (message.text ?? '');
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const shortDay = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const longDay = new Intl.DateTimeFormat(undefined, {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
  year: 'numeric',
});

export function timeOfDay(at: string): string {
  return clock.format(new Date(at));
}

export function sameDay(a: string, b: string): boolean {
  return new Date(a).toDateString() === new Date(b).toDateString();
}

export function day(at: string): string {
  const now = Date.now();

  if (sameDay(at, new Date(now).toISOString())) return 'Today';
  if (sameDay(at, new Date(now - 86_400_000).toISOString())) return 'Yesterday';
  return longDay.format(new Date(at));
}

export function timeOrDay(at: string): string {
  return sameDay(at, new Date().toISOString()) ? timeOfDay(at) : shortDay.format(new Date(at));
}
