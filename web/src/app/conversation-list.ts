// The conversations, newest activity first.
import type { Client, Timeline } from '../sdk/index.js';
import { avatar } from './avatar.js';
import { el, keyedList } from './dom.js';
import { conversationTitle, others, preview, timeOrDay } from './words.js';

/** What a row shows: the same text is the same row. */
interface Row {
  id: string;
  face: string;
  title: string;
  preview: string;
  time: string;
  unread: number;
  isOpen: boolean;
}

export interface ConversationList {
  node: HTMLElement;
  update: (openId: string | null) => void;
}

export function conversationList(client: Client, onOpen: (id: string) => void): ConversationList {
  const list = el('ul', { class: 'conversations' });
  const empty = el('p', { class: 'hint' }, 'No conversations yet.');
  const show = keyedList<Row>(list, {
    key: (row) => row.id,
    render: (row) => rowNode(row, onOpen),
  });
  let shown = new Map<string, Row>();

  const update = (openId: string | null) => {
    const rows = client.conversations
      .list()
      .map((timeline) => rowOf(client, timeline, openId))
      .map((row) => reuse(shown.get(row.id), row));

    shown = new Map(rows.map((row) => [row.id, row]));
    show(rows);
    empty.hidden = rows.length > 0;
  };

  return {
    node: el('nav', { class: 'conversation-list', 'aria-label': 'Conversations' }, list, empty),
    update,
  };
}

function rowOf(client: Client, { info, unread }: Timeline, openId: string | null): Row {
  return {
    id: info.id,
    face: info.kind === 'direct' ? (others(client, info)[0] ?? info.id) : info.id,
    title: conversationTitle(client, info),
    preview: preview(client, info),
    time: timeOrDay(info.lastMessage?.createdAt ?? info.updatedAt),
    unread,
    isOpen: info.id === openId,
  };
}

function reuse(old: Row | undefined, row: Row): Row {
  return old && JSON.stringify(old) === JSON.stringify(row) ? old : row;
}

function rowNode(row: Row, onOpen: (id: string) => void): HTMLElement {
  const dot = el(
    'span',
    { class: 'unread', testid: 'unread', 'aria-label': `${row.unread} unread` },
    String(row.unread),
  );
  const button = el(
    'button',
    {
      class: 'conversation',
      testid: 'conversation',
      'data-id': row.id,
      'aria-current': row.isOpen ? 'true' : undefined,
    },
    avatar(row.face, row.title),
    el(
      'span',
      { class: 'conversation-text' },
      el('span', { class: 'conversation-title' }, row.title),
      el('span', { class: 'conversation-preview' }, row.preview),
    ),
    el(
      'span',
      { class: 'conversation-side' },
      el('time', {}, row.time),
      row.unread > 0 ? dot : null,
    ),
  );

  button.addEventListener('click', () => onOpen(row.id));
  return el('li', {}, button);
}
