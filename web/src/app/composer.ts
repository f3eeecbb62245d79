// Where a message is written. Enter sends, Shift+Enter begins a new line; what is unsent stays with its conversation.
import { el } from './dom.js';

const TALLEST_PX = 180;

const drafts = new Map<string, string>();

export interface Composer {
  node: HTMLElement;
  focus: () => void;
}

export function composer(conversationId: string, onSend: (text: string) => void): Composer {
  const input = el('textarea', {
    rows: 1,
    testid: 'composer',
    'aria-label': 'Message',
    placeholder: 'Write a message',
  });
  const send = el(
    'button',
    { class: 'primary send', type: 'submit', testid: 'send', 'aria-label': 'Send' },
    '↑',
  );
  const node = el('form', { class: 'composer' }, input, send);
  const changed = () => {
    drafts.set(conversationId, input.value);
    send.disabled = input.value.trim() === '';
    input.style.height = 'auto';
    input.style.height = `${Math.min(input.scrollHeight, TALLEST_PX)}px`;
  };

  input.value = drafts.get(conversationId) ?? '';
  input.addEventListener('input', changed);
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    node.requestSubmit();
  });
  node.addEventListener('submit', (event) => {
    event.preventDefault();
    const text = input.value;

    if (text.trim() === '') return;
    input.value = '';
    changed();
    onSend(text);
  });
  send.disabled = input.value.trim() === '';
  return {
    node,
    focus: () => {
      changed();
      if (matchMedia('(hover: hover)').matches) input.focus(); // no keyboard over a phone's first look
    },
  };
}
