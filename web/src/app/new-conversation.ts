// The dialog that starts a conversation: one other person makes a direct one, several make a group with a title.
import type { Client, User } from '../sdk/index.js';
import { avatar } from './avatar.js';
import { el, keyedList } from './dom.js';
import { errorWords } from './words.js';

const TYPING_PAUSE_MS = 200;

/** `onStarted` gets the id of the conversation, new or, between the same two, the one that is there. */
export function newConversation(client: Client, onStarted: (id: string) => void): void {
  const chosen = new Map<string, User>();
  const parts = dialogParts();
  const chips = keyedList<User>(parts.chosen, {
    key: (user) => user.id,
    render: (user) => chip(user, toggle),
  });
  const results = keyedList<User>(parts.results, {
    key: (user) => user.id,
    render: (user) => result(user, toggle),
  });

  const toggle = (user: User) => {
    if (!chosen.delete(user.id)) chosen.set(user.id, user);
    parts.search.value = '';
    results([]);
    chips([...chosen.values()]);
    parts.titleField.hidden = chosen.size < 2;
    parts.start.disabled = chosen.size === 0;
    parts.search.focus();
  };
  const start = async () => {
    const ids = [...chosen.keys()];
    const title = parts.title.value.trim();

    parts.start.disabled = true;
    await attempt(parts.problem, async () => {
      const { id } = await (ids.length === 1
        ? client.createDirect(ids[0]!)
        : client.createGroup(title, ids));

      parts.dialog.close();
      onStarted(id);
    });
    parts.start.disabled = false;
  };
  const search = async () => {
    const prefix = parts.search.value.trim().replace(/^@/, '').toLowerCase();
    const found = prefix ? await client.findUsers(prefix) : [];

    if (prefix !== parts.search.value.trim().replace(/^@/, '').toLowerCase()) return; // a later search is under way
    results(found.filter(({ id }) => id !== client.user?.id && !chosen.has(id)));
    parts.nobody.hidden = !prefix || parts.results.children.length > 0;
  };

  afterTyping(parts.search, () => void attempt(parts.problem, search));
  parts.form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (chosen.size > 0) void start();
  });
  parts.cancel.addEventListener('click', () => parts.dialog.close());
  parts.dialog.addEventListener('close', () => parts.dialog.remove());
  document.body.append(parts.dialog);
  parts.dialog.showModal();
  parts.search.focus();
}

function dialogParts() {
  const search = el('input', {
    type: 'search',
    testid: 'search-user',
    placeholder: 'Username',
    autocomplete: 'off',
  });
  const title = el('input', {
    type: 'text',
    testid: 'group-title',
    placeholder: 'Title of the group',
    maxlength: 100,
  });
  const titleField = el(
    'label',
    { class: 'field', hidden: true },
    el('span', { class: 'field-label' }, 'Title'),
    title,
  );
  const chosen = el('ul', { class: 'chips', 'aria-label': 'Chosen' });
  const results = el('ul', { class: 'results', 'aria-label': 'People found' });
  const nobody = el('p', { class: 'hint', hidden: true }, 'Nobody is called that.');
  const problem = el('p', { class: 'problem', role: 'alert', hidden: true });
  const cancel = el('button', { class: 'quiet', type: 'button' }, 'Cancel');
  const start = el(
    'button',
    { class: 'primary', type: 'submit', testid: 'start-conversation', disabled: true },
    'Start',
  );
  const form = el(
    'form',
    {},
    el('h2', {}, 'New conversation'),
    el('label', { class: 'field' }, el('span', { class: 'field-label' }, 'With whom?'), search),
    chosen,
    results,
    nobody,
    titleField,
    problem,
    el('footer', { class: 'dialog-actions' }, cancel, start),
  );
  const dialog = el('dialog', { class: 'dialog', 'aria-label': 'New conversation' }, form);

  return {
    dialog,
    form,
    search,
    title,
    titleField,
    chosen,
    results,
    nobody,
    problem,
    cancel,
    start,
  };
}

function result(user: User, onClick: (user: User) => void): HTMLElement {
  const name = user.displayName || user.username;
  const button = el(
    'button',
    { class: 'result', type: 'button', testid: 'search-result', 'data-username': user.username },
    avatar(user.id, name),
    el('span', {}, el('strong', {}, name), el('span', { class: 'muted' }, ` @${user.username}`)),
  );

  button.addEventListener('click', () => onClick(user));
  return el('li', {}, button);
}

function chip(user: User, onRemove: (user: User) => void): HTMLElement {
  const button = el('button', {
    class: 'chip',
    type: 'button',
    'aria-label': `Remove ${user.username}`,
  });

  button.append(user.displayName || user.username, el('span', { 'aria-hidden': 'true' }, ' ×'));
  button.addEventListener('click', () => onRemove(user));
  return el('li', {}, button);
}

async function attempt(problem: HTMLElement, task: () => Promise<void>): Promise<void> {
  problem.hidden = true;
  try {
    await task();
  } catch (error) {
    problem.textContent = errorWords(error);
    problem.hidden = false;
  }
}

function afterTyping(input: HTMLInputElement, task: () => void): void {
  let timer = 0;

  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = window.setTimeout(task, TYPING_PAUSE_MS);
  });
}
