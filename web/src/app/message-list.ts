// The messages of one conversation and, below them, those on their way. Stays at the bottom if it is there, and
// otherwise where it is; near the top it fetches older ones.
import type { Client, Timeline } from '../sdk/index.js';
import { el, keyedList } from './dom.js';
import { itemsOf, messageNode, type Item } from './message.js';

const NEAR_TOP_PX = 300;
const NEAR_BOTTOM_PX = 60;

export interface MessageList {
  node: HTMLElement;
  update: () => void;
  toBottom: () => void;
}

export function messageList(client: Client, id: string): MessageList {
  const top = el('p', { class: 'history' });
  const list = el('ol', { class: 'messages' });
  const scroll = el(
    'div',
    { class: 'scroll', tabindex: 0, role: 'log', 'aria-label': 'Messages' },
    top,
    list,
  );
  const show = keyedList<Item>(list, {
    key: (item) => item.key,
    render: (item) => messageNode(client, item),
  });
  let items = new Map<string, Item>();

  const atBottom = () =>
    scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_BOTTOM_PX;
  const toBottom = () => void (scroll.scrollTop = scroll.scrollHeight);
  const older = () => {
    if (scroll.scrollTop > NEAR_TOP_PX) return;
    client
      .loadOlder(id)
      .catch(() => (top.textContent = 'Older messages could not be loaded. Scroll to try again.'));
  };
  const update = () => {
    const timeline = client.conversations.get(id);

    if (!timeline) return;
    const next = itemsOf(client, timeline).map((item) => reuse(items.get(item.key), item));

    keepPlace(scroll, list, atBottom(), () => {
      top.textContent = topWords(timeline);
      show(next);
    });
    items = new Map(next.map((item) => [item.key, item]));
    older();
  };

  scroll.addEventListener('scroll', older, { passive: true });
  return { node: scroll, update, toBottom };
}

/** What is being read must not move: not by new messages below, nor by older ones above. */
function keepPlace(
  scroll: HTMLElement,
  list: HTMLElement,
  isAtBottom: boolean,
  change: () => void,
): void {
  const view = scroll.getBoundingClientRect().top;
  const anchor = [...list.children].find((node) => node.getBoundingClientRect().bottom > view);
  const before = anchor?.getBoundingClientRect().top ?? 0;

  change();
  if (isAtBottom) scroll.scrollTop = scroll.scrollHeight;
  else if (anchor?.isConnected) scroll.scrollTop += anchor.getBoundingClientRect().top - before;
}

function reuse(old: Item | undefined, item: Item): Item {
  return old && JSON.stringify(old) === JSON.stringify(item) ? old : item;
}

function topWords(timeline: Timeline): string {
  return timeline.olderThan === null ? 'This is the beginning of the conversation.' : 'Loading…';
}
