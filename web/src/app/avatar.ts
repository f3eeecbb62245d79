// A circle with initials; the colour follows from the id, so that it is the same everywhere.
import { el } from './dom.js';

const HUES = 8;

export function avatar(id: string, name: string): HTMLElement {
  const initials = name
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => Array.from(word)[0] ?? '')
    .join('')
    .toUpperCase();
  let hash = 0;

  for (const character of id) hash = (hash * 31 + character.charCodeAt(0)) >>> 0;
  return el('span', { class: 'avatar', 'data-hue': hash % HUES, 'aria-hidden': 'true' }, initials);
}
