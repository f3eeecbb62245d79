// The page of somebody who is logged in: conversations at the left, the open one at the right; on a phone one of them.
import type { Client, Connection } from '../sdk/index.js';
import { avatar } from './avatar.js';
import { conversationList } from './conversation-list.js';
import { conversationPane, type Pane } from './conversation-pane.js';
import { coalesce, el } from './dom.js';
import { newConversation } from './new-conversation.js';

const STATES: Record<Connection, string> = {
  online: 'Connected',
  connecting: 'Connecting…',
  offline: 'Offline',
};

export function chatView(client: Client): HTMLElement {
  const main = el('main', { class: 'pane' });
  const list = conversationList(client, (id) => open(id));
  const connection = el('span', { class: 'connection', testid: 'connection', role: 'status' });
  const side = sidebar(client, connection, list.node, (id) => open(id));
  const view = el('div', { class: 'chat' }, side, main);
  let pane: Pane | null = null;

  const close = () => {
    pane = null;
    view.classList.remove('is-open');
    main.replaceChildren(nothingOpen());
    list.update(null);
  };
  const open = (id: string) => {
    pane = conversationPane(client, id, close);
    view.classList.add('is-open');
    main.replaceChildren(pane.node);
    pane.start();
    update();
  };
  const update = () => {
    if (pane && !client.conversations.get(pane.id)) close();
    if (pane && document.hasFocus()) client.conversations.markRead(pane.id);
    pane?.update();
    list.update(pane?.id ?? null);
    showConnection(connection, client.connection);
    showUnread(client);
  };

  close();
  update();
  whileShown(client, coalesce(update));
  return view;
}

/** Updates for as long as somebody is logged in. */
function whileShown(client: Client, update: () => void): void {
  const stops = [
    client.conversations.on('changed', update),
    client.outbox.on('changed', update),
    client.users.on('changed', update),
    client.on('connection', update),
    client.on('ended', () => stops.forEach((stop) => stop())),
    () => window.removeEventListener('focus', update),
  ];

  window.addEventListener('focus', update);
}

function sidebar(
  client: Client,
  connection: HTMLElement,
  list: HTMLElement,
  open: (id: string) => void,
) {
  const start = el('button', { class: 'primary', testid: 'new-conversation' }, 'New conversation');

  start.addEventListener('click', () => newConversation(client, open));
  return el(
    'aside',
    { class: 'sidebar', 'aria-label': 'Conversations' },
    profile(client, connection),
    el('div', { class: 'sidebar-action' }, start),
    list,
  );
}

function profile(client: Client, connection: HTMLElement): HTMLElement {
  const { id = '', displayName = '', username = '' } = client.user ?? {};
  const name = displayName || username;
  const logout = el('button', { class: 'quiet', testid: 'logout' }, 'Log out');

  logout.addEventListener('click', () => {
    logout.disabled = true;
    void client.logout();
  });
  return el(
    'header',
    { class: 'profile' },
    avatar(id, name),
    el('div', { class: 'profile-text' }, el('strong', {}, name), connection),
    logout,
  );
}

function showConnection(node: HTMLElement, state: Connection): void {
  if (node.dataset['state'] === state) return;
  node.dataset['state'] = state;
  node.textContent = STATES[state];
}

function nothingOpen(): HTMLElement {
  return el(
    'div',
    { class: 'nothing' },
    el('span', { class: 'brand-mark', 'aria-hidden': 'true' }),
    el('p', {}, 'Choose a conversation, or start a new one.'),
  );
}

function showUnread(client: Client): void {
  const unread = client.conversations.list().reduce((sum, timeline) => sum + timeline.unread, 0);

  document.title = unread > 0 ? `(${unread}) Parley` : 'Parley';
}
