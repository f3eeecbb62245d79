import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sdk } from './sdk.mjs';

const { Conversations } = sdk;

const ME = 'me';

function conversation(id, lastSeq) {
  const updatedAt = new Date(lastSeq * 1000).toISOString();

  return {
    id,
    kind: 'group',
    title: id,
    members: [],
    memberCount: 2,
    lastSeq,
    lastMessage: null,
    updatedAt,
  };
}

function message(conversationId, seq, text = `text ${seq}`) {
  return {
    id: `${conversationId}-${seq}`,
    conversationId,
    seq,
    senderId: 'you',
    clientId: `c${seq}`,
    text,
  };
}

function created(conversationId, seq) {
  const at = new Date(seq * 1000).toISOString();

  return {
    conversationId,
    seq,
    kind: 'message.created',
    actorId: 'you',
    at,
    message: message(conversationId, seq),
  };
}

/** Conversations with `a` known up to number 10, and a count of the times that a sync was asked for. */
function fixture() {
  const conversations = new Conversations(() => ME);
  const seen = { behind: 0 };

  conversations.on('behind', () => seen.behind++);
  conversations.adopt([conversation('a', 10)]);
  return { conversations, seen, seqs: () => conversations.get('a').list.map(({ seq }) => seq) };
}

test('events are applied in order', () => {
  const { conversations, seen, seqs } = fixture();

  [11, 12, 13].forEach((seq) => conversations.receive(created('a', seq)));
  assert.deepEqual(seqs(), [11, 12, 13]);
  assert.equal(conversations.get('a').lastSeq, 13);
  assert.equal(conversations.get('a').info.lastMessage.seq, 13);
  assert.equal(seen.behind, 0);
});

test('an event that comes again changes nothing', () => {
  const { conversations, seqs } = fixture();

  [11, 12, 11, 12, 10].forEach((seq) => conversations.receive(created('a', seq)));
  assert.deepEqual(seqs(), [11, 12]);
  assert.equal(conversations.get('a').unread, 2);
});

test('an event beyond a gap waits and asks for a sync, whose answer releases it', () => {
  const { conversations, seen, seqs } = fixture();

  conversations.receive(created('a', 13));
  assert.deepEqual(seqs(), []);
  assert.equal(seen.behind, 1);
  assert.deepEqual(conversations.beginSync(), { a: 10 });
  const isNew = conversations.applySync({
    conversations: {
      a: { events: [created('a', 11), created('a', 12)], lastSeq: 12, more: false },
    },
    joined: [],
    left: [],
    more: false,
  });

  assert.equal(isNew, true);
  assert.deepEqual(seqs(), [11, 12, 13]);
  assert.equal(conversations.isBehind, false);
});

test('a page of a longer sync answer moves the cursor to its own end', () => {
  const { conversations } = fixture();
  const page = { events: [created('a', 11)], lastSeq: 40, more: true };

  conversations.applySync({ conversations: { a: page }, joined: [], left: [], more: true });
  assert.deepEqual(conversations.beginSync(), { a: 11 });
});

test('a sync answer that overlaps with live events is applied once', () => {
  const { conversations, seqs } = fixture();

  [11, 12].forEach((seq) => conversations.receive(created('a', seq)));
  const page = { events: [11, 12, 13].map((seq) => created('a', seq)), lastSeq: 13, more: false };

  conversations.applySync({ conversations: { a: page }, joined: [], left: [], more: false });
  assert.deepEqual(seqs(), [11, 12, 13]);
  assert.equal(conversations.get('a').unread, 3);
});

test('an event of an unknown conversation waits for the sync that brings the conversation', () => {
  const { conversations, seen } = fixture();

  conversations.receive(created('b', 6));
  assert.equal(seen.behind, 1);
  conversations.beginSync();
  conversations.applySync({
    conversations: {},
    joined: [conversation('b', 5)],
    left: [],
    more: false,
  });
  assert.deepEqual(
    conversations.get('b').list.map(({ seq }) => seq),
    [6],
  );
  assert.equal(conversations.isBehind, false);
});

test('an event that arrives while the sync is answered is asked about by the next one', () => {
  const { conversations } = fixture();
  const nothing = { conversations: {}, joined: [], left: [], more: false };

  conversations.beginSync();
  conversations.receive(created('b', 6));
  conversations.applySync(nothing);
  assert.equal(conversations.isBehind, true);
  conversations.beginSync();
  conversations.applySync(nothing);
  assert.equal(conversations.isBehind, false);
});

test('the creation of a conversation makes it known, whatever else is', () => {
  const { conversations, seen } = fixture();

  conversations.receive({
    ...created('b', 1),
    kind: 'conversation.created',
    conversation: conversation('b', 1),
  });
  conversations.receive(created('b', 2));
  assert.deepEqual(
    conversations.get('b').list.map(({ seq }) => seq),
    [2],
  );
  assert.equal(seen.behind, 0);
});

test('the list has the newest activity first', () => {
  const { conversations } = fixture();

  conversations.adopt([conversation('b', 20)]);
  assert.deepEqual(
    conversations.list().map(({ info }) => info.id),
    ['b', 'a'],
  );
  for (let seq = 11; seq <= 21; seq++) conversations.receive(created('a', seq));
  assert.deepEqual(
    conversations.list().map(({ info }) => info.id),
    ['a', 'b'],
  );
});

test("one's own removal takes the conversation away, live and by sync", () => {
  const { conversations } = fixture();
  const at = new Date().toISOString();
  const removed = {
    conversationId: 'a',
    seq: 11,
    kind: 'member.removed',
    actorId: 'you',
    at,
    userId: ME,
  };

  conversations.receive({ ...removed, userId: 'other' });
  assert.ok(conversations.get('a'));
  conversations.receive({ ...removed, seq: 12 });
  assert.equal(conversations.get('a'), undefined);
  conversations.adopt([conversation('b', 1)]);
  conversations.applySync({ conversations: {}, joined: [], left: ['b'], more: false });
  assert.equal(conversations.get('b'), undefined);
});

test('older pages come before what is there, and keep a newer version of a message', () => {
  const { conversations, seqs } = fixture();

  conversations.receive(created('a', 11));
  conversations.addOlder('a', { messages: [9, 10].map((seq) => message('a', seq)), prevCursor: 9 });
  conversations.receive({
    ...created('a', 12),
    kind: 'message.edited',
    message: message('a', 10, 'edited'),
  });
  conversations.addOlder('a', {
    messages: [8, 10].map((seq) => message('a', seq)),
    prevCursor: null,
  });
  assert.deepEqual(seqs(), [8, 9, 10, 11]);
  assert.equal(conversations.get('a').list[2].text, 'edited');
  assert.equal(conversations.get('a').olderThan, null);
});

test("the sender's answer shows the message at once and leaves the cursor to the event", () => {
  const { conversations, seqs } = fixture();

  conversations.putSent(message('a', 12));
  assert.deepEqual(seqs(), [12]);
  assert.deepEqual(conversations.beginSync(), { a: 10 });
  [11, 12].forEach((seq) => conversations.receive(created('a', seq)));
  assert.deepEqual(seqs(), [11, 12]);
});
