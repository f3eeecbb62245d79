// The page is built from these: an element in one expression, and a list that keeps its nodes. Text only ever
// becomes a text node.

type Child = Node | string | null;

/** `testid` becomes `data-testid`; true is an attribute without value; false and undefined leave it out. */
export type Attributes = Record<string, string | number | boolean | undefined>;

export function el<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const node = document.createElement(tag);

  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    node.setAttribute(
      name === 'testid' ? 'data-testid' : name,
      value === true ? '' : String(value),
    );
  }
  node.append(...children.filter((child): child is Node | string => child !== null));
  return node;
}

export interface Keyed<Item> {
  key: (item: Item) => string;
  /** Makes the node, or a new one in place of that of an earlier version; may return the old one. */
  render: (item: Item, index: number) => HTMLElement;
}

/** A function that makes `parent` show the items: nodes are made again only for items that are not the same object. */
export function keyedList<Item>(parent: HTMLElement, { key, render }: Keyed<Item>) {
  let shown = new Map<string, { item: Item; node: HTMLElement }>();

  return (items: readonly Item[]): void => {
    const next = new Map<string, { item: Item; node: HTMLElement }>();
    let at: ChildNode | null = parent.firstChild;

    items.forEach((item, index) => {
      const old = shown.get(key(item));
      const node = old?.item === item ? old.node : render(item, index);

      if (old && old.node !== node) {
        if (at === old.node) at = old.node.nextSibling;
        old.node.remove();
      }
      if (node === at) at = at.nextSibling;
      else parent.insertBefore(node, at);
      next.set(key(item), { item, node });
    });
    shown.forEach(({ node }, id) => next.has(id) || node.remove());
    shown = next;
  };
}

/** Runs `task` soon, once for however many calls. */
export function coalesce(task: () => void): () => void {
  let isDue = false;

  return () => {
    if (isDue) return;
    isDue = true;
    setTimeout(() => {
      isDue = false;
      task();
    });
  };
}
