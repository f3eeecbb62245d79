// Socket.IO on the wire: every case of the official suite, and what it does not cover. "Closed"
// means closed by what was sent, long before the heartbeat (500 ms) would.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Echo } from '../lib/echo.mjs';
import { Polling, SEPARATOR, Socket } from '../lib/sio.mjs';

const AT_ONCE = 200; // ms
let echo;
before(async () => { echo = await Echo.start(); });
after(() => echo.stop());

const open = () => Socket.open(echo.ws, '/socket.io/');

// Connected to the namespace, with `auth` received.
async function connected(namespace = '') {
  const socket = await open();
  socket.send(`40${namespace}`);
  assert.match(await socket.message(), /^40(\/custom,)?\{"sid":"[^"]+"\}$/);
  assert.match(await socket.message(), /^42/);
  return socket;
}

// Sends all of it and expects the connection to be closed.
async function closes(...packets) {
  const socket = await connected();
  for (const packet of packets) socket.send(packet);
  assert(await socket.untilClosed() < AT_ONCE);
}

const place = (num) => `{"_placeholder":true,"num":${num}}`;

describe('connect', () => {
  for (const [name, sent, prefix, auth] of [
    ['to /', '40', '', '{}'],
    ['to / as written in full', '40/,', '', '{}'],
    ['to / with a payload', '40{"token":"123"}', '', '{"token":"123"}'],
    ['to /custom', '40/custom,', '/custom,', '{}'],
    ['to /custom, without the comma', '40/custom', '/custom,', '{}'],
    ['to /custom with a payload', '40/custom,{"token":"abc"}', '/custom,', '{"token":"abc"}'],
  ]) {
    test(name, async () => {
      const socket = await open();
      socket.send(sent);
      const reply = await socket.message();
      assert(reply.startsWith(`40${prefix}{`));
      const body = JSON.parse(reply.slice(2 + prefix.length));
      assert.deepEqual(Object.keys(body), ['sid']);
      assert.equal(typeof body.sid, 'string');
      assert.notEqual(body.sid, socket.open.sid);
      assert.equal(await socket.message(), `42${prefix}["auth",${auth}]`);
      socket.end();
    });
  }
  test('to an unknown namespace: refused, and the connection stays', async () => {
    const socket = await open();
    socket.send('40/random');
    assert.equal(await socket.message(), '44/random,{"message":"Invalid namespace"}');
    socket.send('40');
    assert.match(await socket.message(), /^40\{"sid"/);
    socket.end();
  });
  test('with a token that is refused: CONNECT_ERROR, and the connection stays', async () => {
    const socket = await open();
    socket.send('40{"token":"refused"}');
    assert.equal(await socket.message(), '44{"message":"unauthorized","data":{"code":"invalid"}}');
    socket.send('40{"token":"good"}');
    assert.match(await socket.message(), /^40\{"sid"/);
    socket.end();
  });
  for (const bad of ['4abc', '4', '40[]', '40"x"', '40null', '40{"a"', '40{}x', '42["message"]', '41', '431[]']) {
    test(`${bad} in its place closes`, async () => {
      const socket = await open();
      socket.send(bad);
      assert(await socket.untilClosed() < AT_ONCE);
    });
  }
  test('twice to the same namespace closes', () => closes('40'));
  test('none within the time for it: closed, though the heartbeat is answered', async () => {
    const socket = await open();
    const from = performance.now();
    await assert.rejects(async () => { for (;;) await socket.message(); }, /closed/);
    const ms = performance.now() - from;
    assert(ms > 900 && ms < 1300, `${ms} ms`);
  });
  test('none but a refused one within the time for it: closed', async () => {
    const socket = await open();
    socket.send('40{"token":"refused"}');
    await assert.rejects(async () => { for (;;) await socket.message(); }, /closed/);
  });
  test('decided later: events that came before it wait for it', async () => {
    const socket = await open();
    socket.send('40/slow,');
    socket.send('42/slow,1["message-with-ack","a"]');
    socket.send(`451-/slow,["message",${place(0)}]`).send(Buffer.from([7]));
    assert.match(await socket.message(), /^40\/slow,\{"sid"/);
    assert.equal(await socket.message(), '43/slow,1["a"]');
    assert.equal(await socket.message(), `451-/slow,["message-back",${place(0)}]`);
    assert.deepEqual(await socket.message(), Buffer.from([7]));
    socket.end();
  });
  test('decided later: too many events before it close', async () => {
    const socket = await open();
    socket.send('40/slow,');
    for (let i = 0; i < 40; i++) socket.send('42/slow,["message"]');
    assert(await socket.untilClosed() < AT_ONCE);
  });
  test('decided later: gone before that does no harm', async () => {
    const socket = await open();
    socket.send('40/slow,').send('42/slow,1["message-with-ack"]');
    socket.end();
    const other = await connected();
    other.end();
  });
});

describe('disconnect', () => {
  test('from /: no reply, the next thing is the ping', async () => {
    const socket = await connected();
    socket.send('41');
    assert.equal(await socket.next(), '2');
    socket.end();
  });
  test('from /custom: / lives on', async () => {
    const socket = await connected();
    assert.equal(await socket.next(), '2');
    socket.send('3').send('40/custom');
    assert.match(await socket.message(), /^40\/custom,/);
    assert.equal(await socket.message(), '42/custom,["auth",{}]');
    socket.send('41/custom').send('42["message","message to main namespace"]');
    assert.equal(await socket.message(), '42["message-back","message to main namespace"]');
    socket.end();
  });
  test('after it an event of the namespace closes', () => closes('41', '42["message"]'));
  test('by the server: 41, and the connection stays', async () => {
    const socket = await connected();
    socket.send('42["leave"]');
    assert.equal(await socket.message(), '41');
    socket.send('40');
    assert.match(await socket.message(), /^40/);
    socket.end();
  });
  test('of the transport by the server: without 41', async () => {
    const socket = await connected();
    socket.send('42["hang-up"]');
    await assert.rejects(socket.message(), /closed/);
  });
});

describe('events', () => {
  test('message', async () => {
    const socket = await connected();
    socket.send('42["message",1,"2",{"3":[true]}]');
    assert.equal(await socket.message(), '42["message-back",1,"2",{"3":[true]}]');
    socket.end();
  });
  test('message in /custom', async () => {
    const socket = await connected('/custom,');
    socket.send('42/custom,["message",1]');
    assert.equal(await socket.message(), '42/custom,["message-back",1]');
    socket.end();
  });
  test('acknowledgement', async () => {
    const socket = await connected();
    socket.send('42456["message-with-ack",1,"2",{"3":[false]}]');
    assert.equal(await socket.message(), '43456[1,"2",{"3":[false]}]');
    socket.end();
  });
  for (const id of ['0', '4294967296', '9007199254740991']) {
    test(`acknowledgement ${id}`, async () => {
      const socket = await connected();
      socket.send(`42${id}["message-with-ack"]`);
      assert.equal(await socket.message(), `43${id}[]`);
      socket.end();
    });
  }
  test('an acknowledgement of nothing is ignored', async () => {
    const socket = await connected();
    socket.send('4399["x"]').send('421["message-with-ack"]');
    assert.equal(await socket.message(), '431[]');
    socket.end();
  });
  test('an unknown event is ignored', async () => {
    const socket = await connected();
    socket.send('42["nobody"]').send('421["message-with-ack"]');
    assert.equal(await socket.message(), '431[]');
    socket.end();
  });
  for (const bad of ['4abc', '42{}', '42abc["message-with-ack",1]', '42', '42[]', '42[null]', '42["message"',
    '42["message"]x', '4299999999999999999999["message"]', '429007199254740992["message"]', '42/custom,["message"]',
    '42/nowhere,["message"]', '44{"message":"x"}', '43["x"]', '431{}', '47', '41x', '411', '42["message",]', '42["message"]\0x']) {
    test(`${JSON.stringify(bad)} closes`, () => closes(bad));
  }
  for (const name of ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener']) {
    test(`the reserved name ${name} closes`, () => closes(`42["${name}"]`));
  }
  for (const [what, json] of [['a lone surrogate', '"\\ud83d"'], ['NUL', '"\\u0000"'], ['a number too large', '1e999']]) {
    test(`${what} is answered as invalid where an ack is asked for, and harms nothing`, async () => {
      const socket = await connected();
      socket.send(`427["message-with-ack",${json}]`).send(`42["message",${json}]`);
      assert.equal(await socket.message(), '437[{"error":{"code":"invalid"}}]');
      socket.send('428["message-with-ack",1]');
      assert.equal(await socket.message(), '438[1]');
      socket.end();
    });
  }
  test('a lone surrogate in an event with attachments: the attachments are consumed', async () => {
    const socket = await connected();
    socket.send(`451-7["message-with-ack","\\ud83d",${place(0)}]`).send(Buffer.from([1]));
    assert.equal(await socket.message(), '437[{"error":{"code":"invalid"}}]');
    socket.end();
  });
  test('deep nesting closes and harms nothing', () => closes(`42["message",${'['.repeat(100000)}`));
});

describe('attachments', () => {
  test('message', async () => {
    const socket = await connected();
    socket.send(`452-["message",${place(0)},${place(1)}]`).send(Buffer.from([1, 2, 3])).send(Buffer.from([4, 5, 6]));
    assert.equal(await socket.message(), `452-["message-back",${place(0)},${place(1)}]`);
    assert.deepEqual(await socket.message(), Buffer.from([1, 2, 3]));
    assert.deepEqual(await socket.message(), Buffer.from([4, 5, 6]));
    socket.end();
  });
  test('acknowledgement', async () => {
    const socket = await connected();
    socket.send(`452-789["message-with-ack",${place(0)},${place(1)}]`).send(Buffer.from([1])).send(Buffer.from([2]));
    assert.equal(await socket.message(), `462-789[${place(0)},${place(1)}]`);
    assert.deepEqual(await socket.message(), Buffer.from([1]));
    assert.deepEqual(await socket.message(), Buffer.from([2]));
    socket.end();
  });
  test('nested placeholders, and an empty attachment', async () => {
    const socket = await connected();
    const args = `{"a":[{"b":${place(1)}}],"c":${place(0)}}`;
    socket.send(`452-["message",${args}]`).send(Buffer.alloc(0)).send(Buffer.from([9]));
    assert.equal(await socket.message(), `452-["message-back",${args}]`);
    assert.deepEqual(await socket.message(), Buffer.alloc(0));
    assert.deepEqual(await socket.message(), Buffer.from([9]));
    socket.end();
  });
  test('ten of them', async () => {
    const socket = await connected();
    const all = Array.from({ length: 10 }, (_, i) => place(i)).join();
    socket.send(`4510-["message",${all}]`);
    for (let i = 0; i < 10; i++) socket.send(Buffer.from([i]));
    assert.equal(await socket.message(), `4510-["message-back",${all}]`);
    for (let i = 0; i < 10; i++) assert.deepEqual(await socket.message(), Buffer.from([i]));
    socket.end();
  });
  test('a ping may come between the header and them', async () => {
    const socket = await connected();
    socket.send(`451-["message",${place(0)}]`);
    assert.equal(await socket.next(), '2');
    socket.send('3').send(Buffer.from([1]));
    assert.equal(await socket.message(), `451-["message-back",${place(0)}]`);
    socket.end();
  });
  for (const bad of [
    `450-["message"]`, `4511-["message",${place(0)}]`, `45-["message"]`, `45["message"]`, `45x-["message"]`,
    `4599999999999999999999-["message"]`, `451-["message",${place(1)}]`, `451-["message",${place(-1)}]`,
    '451-["message",{"_placeholder":true}]', '451-["message",[[{"_placeholder":true,"num":"0"}]]]',
    '451-["message",{"_placeholder":true,"num":0.5}]', '460-1[]',
  ]) {
    test(`${bad} closes`, () => closes(bad, Buffer.from([1])));
  }
  test('text in their place closes', () => closes(`451-["message",${place(0)}]`, '42["message"]'));
  test('an attachment that nobody waits for closes', () => closes(Buffer.from([1])));
  test('more than the limit in all of them closes', async () => {
    const socket = await connected();
    socket.send(`455-["message",${[0, 1, 2, 3, 4].map(place).join()}]`);
    for (let i = 0; i < 5; i++) socket.send(Buffer.alloc(900000));
    assert(await socket.untilClosed() < 1000);
  });
});

describe('on long-polling', () => {
  async function polled() {
    const polling = await Polling.open(echo.url, '/socket.io/');
    await polling.post('40');
    const [reply, auth] = await polling.packets(2);
    assert.match(reply, /^40\{"sid"/);
    assert.equal(auth, '42["auth",{}]');
    return polling;
  }
  test('connect, event, acknowledgement in one payload', async () => {
    const polling = await polled();
    await polling.post(['42["message",1]', '420["message-with-ack"]'].join(SEPARATOR));
    assert.deepEqual(await polling.packets(2), ['42["message-back",1]', '430[]']);
  });
  test('a burst of 40 events arrives whole and in order', async () => {
    const polling = await polled();
    await polling.post(Array.from({ length: 40 }, (_, i) => `42["message",${i}]`).join(SEPARATOR));
    assert.deepEqual(await polling.packets(40), Array.from({ length: 40 }, (_, i) => `42["message-back",${i}]`));
  });
  test('attachments, in one payload and in two', async () => {
    const polling = await polled();
    await polling.post([`451-["message",${place(0)}]`, 'bAQID'].join(SEPARATOR));
    assert.deepEqual(await polling.packets(2), [`451-["message-back",${place(0)}]`, 'bAQID']);
    await polling.post(`451-["message",${place(0)}]`);
    await polling.post('b');
    assert.deepEqual(await polling.packets(2), [`451-["message-back",${place(0)}]`, 'b']);
  });
  test('several namespaces', async () => {
    const polling = await polled();
    await polling.post(['40/custom,', '42["message",1]'].join(SEPARATOR));
    const packets = await polling.packets(3);
    assert.match(packets[0], /^40\/custom,/);
    assert.equal(packets[1], '42/custom,["auth",{}]');
    assert.equal(packets[2], '42["message-back",1]');
  });
  test('half an event with attachments survives the upgrade', async () => {
    const polling = await polled();
    await polling.post(`451-["message",${place(0)}]`);
    const socket = await Socket.open(echo.ws, '/socket.io/', `&sid=${polling.sid}`);
    socket.send('2probe');
    assert.equal(await socket.next(), '3probe');
    socket.send('5').send(Buffer.from([1]));
    assert.equal(await socket.message(), `451-["message-back",${place(0)}]`);
    assert.deepEqual(await socket.message(), Buffer.from([1]));
    socket.end();
  });
  test('hung up by the server: the close packet comes in the next GET', async () => {
    const polling = await polled();
    await polling.post('42["hang-up"]');
    assert.deepEqual((await polling.get()).body, '1');
  });
});

describe('under load', () => {
  test('what waits for one socket leaves in few writes', async () => {
    const socket = await connected();
    const before = await echo.stats();
    socket.send('42["burst",1000]');
    for (let i = 0; i < 1000; i++) assert.equal(await socket.message(), `42["burst",${i}]`);
    const now = await echo.stats();
    assert(now.frames - before.frames >= 1000);
    assert(now.writes - before.writes < 20, `${now.writes - before.writes} writes`);
    socket.end();
  });
});
