import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeStorage } from './fake-storage.mjs';
import { sdk } from './sdk.mjs';

const { Client } = sdk;

const info = (id, lastSeq) => ({ id, kind: 'group', members: [], memberCount: 1, lastSeq });
const event = (seq) => ({ conversationId: 'a', seq, kind: 'void', actorId: null, at: '' });
const page = (from, to, lastSeq = to) => ({
  events: Array.from({ length: to - from + 1 }, (_, i) => event(from + i)),
  lastSeq,
  more: to < lastSeq,
});
const answer = (conversations, more = false) => ({ ok: true, conversations, joined: [], left: [], more });

/** A client that knows `a` up to number 10, on a socket that a test answers: `asked` are its calls, oldest first. */
function fixture() {
  const client = new Client({ url: 'http://127.0.0.1:1', storage: new FakeStorage() });
  const { socket } = client.link;
  const asked = [];

  client.api.conversations = async () => ({ conversations: [info('a', 10)], nextCursor: null });
  client.link.ask = (name, argument) =>
    new Promise((resolve) => asked.push({ name, cursors: argument.cursors, resolve }));
  socket.connected = true;
  const hear = (name, argument) => socket.listeners(name).forEach((listener) => listener(argument));
  const calls = async (count) => {
    for (let i = 0; i < 1000 && asked.length < count; i++) await new Promise(setImmediate);
    assert.equal(asked.length, count);
    return asked.at(-1);
  };
  const cursor = () => client.conversations.get('a').lastSeq;

  return { client, hear, calls, cursor };
}

async function synced() {
  const it = fixture();

  it.hear('connect');
  (await it.calls(1)).resolve(answer({}));
  await new Promise(setImmediate);
  return it;
}

const told = { conversations: 'all', reason: 'slow' };

test('a resync makes it ask by number, until nothing more is left, and events go on from there', async () => {
  const { hear, calls, cursor } = await synced();

  hear('event', event(11));
  hear('resync', told);
  const first = await calls(2);
  assert.deepEqual([first.name, first.cursors], ['sync', { a: 11 }]);
  first.resolve(answer({ a: page(12, 20, 30) }, true));
  const second = await calls(3);
  assert.deepEqual(second.cursors, { a: 20 });
  second.resolve(answer({ a: page(21, 30) }));
  await new Promise(setImmediate);
  hear('event', event(31));
  assert.equal(cursor(), 31);
  await calls(3);
});

test('a resync that comes while it asks makes it ask again: that answer may be older', async () => {
  const { hear, calls, cursor } = await synced();

  hear('resync', told);
  const first = await calls(2);
  hear('resync', told);
  await calls(2);
  first.resolve(answer({ a: page(11, 15) }));
  const second = await calls(3);
  assert.deepEqual(second.cursors, { a: 15 });
  second.resolve(answer({ a: page(16, 18) }));
  await new Promise(setImmediate);
  assert.equal(cursor(), 18);
  await calls(3);
});
