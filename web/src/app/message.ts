// One message as it is shown: what to show (pure data, comparable), and its node.
import type { Client, Message, OutboxEntry, Timeline } from '../sdk/index.js';
import { avatar } from './avatar.js';
import { el } from './dom.js';
import { day, errorWords, messageText, sameDay, timeOfDay, userName } from './words.js';
import { ParleyError } from '../sdk/index.js';

const RUN_MS = 5 * 60_000;

export interface Item {
  key: string;
  seq: number | null;
  clientId: string;
  senderId: string;
  sender: string;
  text: string;
  at: string;
  state: 'sent' | 'pending' | 'failed';
  failure: string;
  isOwn: boolean;
  isDeleted: boolean;
  isEdited: boolean;
  /** Set on the first message of a day. */
  day: string;
  /** Whether it opens a run of messages by one sender. */
  opensRun: boolean;
}

export function itemsOf(client: Client, timeline: Timeline): Item[] {
  const items = [
    ...timeline.list.map((message) => sentItem(client, message)),
    ...client.outbox.list(timeline.info.id).map((entry) => pendingItem(client, entry)),
  ];

  items.forEach((item, index) => place(item, items[index - 1]));
  return items;
}

function sentItem(client: Client, message: Message): Item {
  return {
    key: `${message.senderId} ${message.clientId}`, // that of its time in the outbox
    seq: message.seq,
    clientId: message.clientId,
    senderId: message.senderId,
    sender: userName(client, message.senderId),
    text: messageText(message),
    at: message.createdAt,
    state: 'sent',
    failure: '',
    isOwn: message.senderId === client.user?.id,
    isDeleted: message.deletedAt !== null,
    isEdited: message.editedAt !== null,
    day: '',
    opensRun: true,
  };
}

function pendingItem(client: Client, entry: OutboxEntry): Item {
  const me = client.user?.id ?? '';

  return {
    key: `${me} ${entry.clientId}`,
    seq: null,
    clientId: entry.clientId,
    senderId: me,
    sender: userName(client, me),
    text: entry.text,
    at: entry.createdAt,
    state: entry.failure ? 'failed' : 'pending',
    failure: entry.failure ? errorWords(new ParleyError(entry.failure)) : '',
    isOwn: true,
    isDeleted: false,
    isEdited: false,
    day: '',
    opensRun: true,
  };
}

function place(item: Item, previous: Item | undefined): void {
  const isNewDay = !previous || !sameDay(previous.at, item.at);
  const isSoon = previous !== undefined && Date.parse(item.at) - Date.parse(previous.at) < RUN_MS;

  if (isNewDay) item.day = day(item.at);
  item.opensRun = isNewDay || !isSoon || previous?.senderId !== item.senderId;
}

export function messageNode(client: Client, item: Item): HTMLElement {
  const classes = ['message', item.isOwn ? 'own' : 'theirs', item.opensRun ? 'opens-run' : ''];

  return el(
    'li',
    {
      class: classes.join(' ').trim(),
      testid: 'message',
      'data-seq': item.seq ?? undefined,
      'data-state': item.state,
      'data-day': item.day || undefined,
    },
    item.isOwn ? null : avatarOfRun(item),
    el(
      'div',
      { class: 'bubble-column' },
      item.isOwn || !item.opensRun
        ? null
        : el('span', { class: 'sender', testid: 'message-sender' }, item.sender),
      el('div', { class: 'bubble' }, textNode(item), metaNode(item)),
      item.state === 'failed' ? failureNode(client, item) : null,
    ),
  );
}

function avatarOfRun(item: Item): HTMLElement {
  return item.opensRun ? avatar(item.senderId, item.sender) : el('span', { class: 'avatar-space' });
}

function textNode(item: Item): HTMLElement {
  return el(
    'p',
    { class: item.isDeleted ? 'text deleted' : 'text', testid: 'message-text', dir: 'auto' },
    item.text,
  );
}

function metaNode(item: Item): HTMLElement {
  const words = [
    item.isEdited && !item.isDeleted ? 'edited' : '',
    item.state === 'pending' ? 'sending…' : '',
  ];
  const state = words.filter(Boolean).join(' ');

  return el(
    'span',
    { class: 'meta' },
    state ? `${state} ` : null,
    el('time', { datetime: item.at }, timeOfDay(item.at)),
  );
}

function failureNode(client: Client, { clientId, failure }: Item): HTMLElement {
  const retry = el('button', { class: 'link', testid: 'retry' }, 'Try again');
  const discard = el('button', { class: 'link', testid: 'discard' }, 'Discard');

  retry.addEventListener('click', () => client.outbox.retry(clientId));
  discard.addEventListener('click', () => client.outbox.discard(clientId));
  return el(
    'p',
    { class: 'failure', role: 'alert' },
    `Not sent. ${failure} `,
    retry,
    ' · ',
    discard,
  );
}
