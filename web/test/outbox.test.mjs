import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeStorage } from './fake-storage.mjs';
import { sdk } from './sdk.mjs';

const { Outbox, ParleyError, uuidv7 } = sdk;

const settled = () => new Promise((resolve) => setImmediate(resolve));
const error = (code, retryAfterMs) => new ParleyError({ code, message: code, retryAfterMs });

/** An outbox on a server and a clock that the test plays: `tries` are the sends, each with `answer` and `fail`. */
function fixture(storage = new FakeStorage()) {
  const tries = [];
  const delays = [];
  const transmit = ({ clientId, conversationId, text }) =>
    new Promise((resolve, reject) => {
      const message = {
        id: clientId,
        clientId,
        conversationId,
        text,
        seq: tries.length + 1,
        senderId: 'me',
      };

      tries.push({ text, clientId, answer: () => resolve(message), fail: reject });
    });
  const outbox = new Outbox({ transmit, storage, delay: (run, ms) => delays.push({ run, ms }) });

  outbox.open('me');
  return { outbox, storage, tries, delays, texts: () => tries.map(({ text }) => text) };
}

test('one message of a conversation is under way at a time, in order', async () => {
  const { outbox, tries, texts } = fixture();

  outbox.setOnline(true);
  ['one', 'two', 'three'].forEach((text) => outbox.send('a', text));
  assert.deepEqual(texts(), ['one']);
  tries[0].answer();
  await settled();
  assert.deepEqual(texts(), ['one', 'two']);
  assert.deepEqual(
    outbox.list('a').map(({ text }) => text),
    ['two', 'three'],
  );
});

test('conversations do not wait for each other', () => {
  const { outbox, texts } = fixture();

  outbox.setOnline(true);
  outbox.send('a', 'to a');
  outbox.send('b', 'to b');
  assert.deepEqual(texts(), ['to a', 'to b']);
});

test('what got no answer is sent again with the same clientId, before its successors', async () => {
  const { outbox, tries, texts } = fixture();

  outbox.setOnline(true);
  outbox.send('a', 'one');
  outbox.send('a', 'two');
  outbox.setOnline(false);
  tries[0].fail(error('network'));
  await settled();
  assert.deepEqual(texts(), ['one']);
  outbox.setOnline(true);
  tries[1].answer();
  await settled();
  assert.deepEqual(texts(), ['one', 'one', 'two']);
  assert.equal(tries[1].clientId, tries[0].clientId);
});

test('a server that asks for patience gets it', async () => {
  const { outbox, tries, delays, texts } = fixture();

  outbox.setOnline(true);
  outbox.send('a', 'one');
  tries[0].fail(error('unavailable', 7000));
  await settled();
  assert.ok(delays[0].ms >= 7000);
  outbox.send('a', 'two');
  assert.deepEqual(texts(), ['one']);
  delays[0].run();
  assert.deepEqual(texts(), ['one', 'one']);
});

test('waits grow from failure to failure', async () => {
  const { outbox, tries, delays } = fixture();

  outbox.setOnline(true);
  outbox.send('a', 'one');
  for (let index = 0; index < 8; index++) {
    tries[index].fail(error('rate_limited'));
    await settled();
    delays[index].run();
  }
  assert.ok(delays[0].ms <= 500 && delays[3].ms >= 2000 && delays[7].ms <= 10_000);
});

test('a refused message stays as failed and does not hold up the next', async () => {
  const { outbox, tries, texts } = fixture();

  outbox.setOnline(true);
  const refused = outbox.send('a', 'one');
  outbox.send('a', 'two');
  tries[0].fail(error('too_large'));
  await settled();
  assert.deepEqual(texts(), ['one', 'two']);
  assert.equal(outbox.list('a')[0].failure.code, 'too_large');
  tries[1].answer();
  await settled();
  outbox.retry(refused.clientId);
  assert.deepEqual(texts(), ['one', 'two', 'one']);
  outbox.discard(refused.clientId);
  assert.deepEqual(outbox.list('a'), []);
});

test('a reload loses nothing and keeps the order and the clientIds', () => {
  const before = fixture();
  const sent = ['one', 'two', 'three'].map((text) => before.outbox.send('a', text));
  const after = fixture(before.storage);

  assert.deepEqual(
    after.outbox.list('a').map(({ clientId }) => clientId),
    sent.map(({ clientId }) => clientId),
  );
  after.outbox.setOnline(true);
  assert.equal(after.tries[0].clientId, sent[0].clientId);
});

test('what was answered is gone from the storage, and so is everything after erasing', async () => {
  const { outbox, storage, tries } = fixture();

  outbox.setOnline(true);
  outbox.send('a', 'one');
  outbox.send('a', 'two');
  assert.equal(storage.length, 2);
  tries[0].answer();
  await settled();
  assert.equal(storage.length, 1);
  outbox.erase();
  assert.equal(storage.length, 0);
  assert.deepEqual(outbox.list('a'), []);
});

test('an event that overtakes the answer settles the message', async () => {
  const { outbox, tries } = fixture();
  const sent = [];

  outbox.on('sent', ({ text }) => sent.push(text));
  outbox.setOnline(true);
  const { clientId } = outbox.send('a', 'one');
  outbox.settle({ clientId, conversationId: 'a', text: 'one', seq: 1, senderId: 'me' });
  tries[0].answer();
  await settled();
  assert.deepEqual(sent, ['one']);
  assert.deepEqual(outbox.list('a'), []);
});

test('messages of another user stay where they are', () => {
  const { outbox, storage } = fixture();

  outbox.send('a', 'mine');
  const other = fixture(storage);

  other.outbox.open('somebody');
  assert.deepEqual(other.outbox.list('a'), []);
  assert.equal(storage.length, 1);
});

test('client ids are UUIDv7 and ascend, within a millisecond and when the clock steps back', () => {
  const ids = Array.from({ length: 10_000 }, (_, index) => uuidv7(1_800_000_000_000 - (index % 3)));

  assert.deepEqual(ids, [...ids].sort());
  assert.equal(new Set(ids).size, ids.length);
  ids.forEach((id) =>
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
  );
});
