// The open conversation: its head, its messages, the composer.
import type { Client, Conversation } from '../sdk/index.js';
import { avatar } from './avatar.js';
import { composer } from './composer.js';
import { el } from './dom.js';
import { messageList } from './message-list.js';
import { conversationTitle, others } from './words.js';

export interface Pane {
  id: string;
  node: HTMLElement;
  /** Call once the node is on the page. */
  start: () => void;
  update: () => void;
}

export function conversationPane(client: Client, id: string, onClose: () => void): Pane {
  const head = el('div', { class: 'pane-title' });
  const back = el(
    'button',
    { class: 'quiet back', testid: 'back', 'aria-label': 'Back to the list' },
    '‹',
  );
  const messages = messageList(client, id);
  const input = composer(id, (text) => {
    client.send(id, text);
    messages.toBottom();
  });
  const update = () => {
    const info = client.conversations.get(id)?.info;

    if (info) head.replaceChildren(...headNodes(client, info));
    messages.update();
  };

  back.addEventListener('click', onClose);
  return {
    id,
    node: el(
      'section',
      { class: 'open' },
      el('header', { class: 'pane-head' }, back, head),
      messages.node,
      input.node,
    ),
    start: () => {
      update();
      messages.toBottom();
      input.focus();
    },
    update,
  };
}

function headNodes(client: Client, info: Conversation): Node[] {
  const title = conversationTitle(client, info);
  const other = others(client, info)[0] ?? info.id;
  const isDirect = info.kind === 'direct';
  const username = client.users.find(other)?.username;
  const detail = isDirect ? (username ? `@${username}` : '') : `${info.memberCount} members`;

  return [
    avatar(isDirect ? other : info.id, title),
    el('div', { class: 'pane-names' }, el('h2', {}, title), el('p', {}, detail)),
  ];
}
