// Readers that stop: what a queue at its limit drops, what it never drops, and when the connection is closed.
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { Echo, eventually } from '../lib/echo.mjs';
import { Polling, SEPARATOR, Socket } from '../lib/sio.mjs';

const PATH = '/socket.io/';
const QUEUE = 1000000;

async function start(t, ...flags) {
  const echo = await Echo.start('--queue', String(QUEUE), ...flags);
  t.after(() => echo.kill());
  return echo;
}

async function join(echo) {
  const socket = await Socket.open(echo.ws, PATH);
  socket.send('40');
  assert.match(await socket.message(), /^40\{"sid":/);
  assert.equal(await socket.message(), '42["auth",{}]');
  return socket;
}

// Sent in pieces, so that some of it goes out before the connection is choked.
async function floodUntilDropped(echo, socket) {
  for (let i = 0; (await echo.stats()).overflows === 0; i++) {
    assert(i < 200, 'nothing was dropped');
    socket.send('42["flood",20,20000]');
  }
}

const isFlood = (message) => message.startsWith('42["flood"');
const all = (prefix, count) => Array.from({ length: count }, (_, i) => `43${i}["${prefix} ${i}"]`);

test('a reader that stops loses events it has not begun to get, keeps every answer, and is told once', async (t) => {
  const echo = await start(t, '--slow-ping');
  const socket = await join(echo);

  socket.ws._socket.pause();
  for (let i = 0; i < 20; i++) socket.send(`42${i}["message-with-ack","before ${i}"]`);
  await floodUntilDropped(echo, socket);
  for (let i = 20; i < 40; i++) socket.send(`42${i}["message-with-ack","after ${i}"]`);
  socket.ws._socket.resume();
  await eventually(() => socket.arrived.some((message) => message.startsWith('4339')));

  const events = socket.arrived.filter(isFlood);
  const others = socket.arrived.filter((message) => !isFlood(message) && message !== '2');
  const acks = others.filter((message) => message.startsWith('43'));
  const whole = events.map((message) => JSON.parse(message.slice(2)));
  assert.deepEqual(acks, [...all('before', 20), ...all('after', 40).slice(20)]);
  assert.deepEqual(others.filter((message) => !message.startsWith('43')), ['42["dropped"]']);
  assert(whole.every(([, , text]) => text.length === 20000));
  assert(whole.every(([, number], i) => number === i % 20), 'no event is torn out of what has begun');
  socket.end();
  await echo.stop();
});

test('a reader of a full queue of answers is closed', async (t) => {
  const echo = await start(t, '--slow-ping');
  const socket = await join(echo);
  const text = 'x'.repeat(100000);

  socket.ws._socket.pause();
  for (let i = 0; i < 200 && (await echo.stats()).overflows === 0; i++) socket.send(`42${i}["message-with-ack","${text}"]`);
  await eventually(async () => (await echo.stats()).websockets === 0, 10000);
  socket.end();
  await echo.stop();
});

test('a reader that never reads is closed by the heartbeat, whatever was dropped', async (t) => {
  const echo = await start(t);
  const socket = await join(echo);

  socket.ws._socket.pause();
  await floodUntilDropped(echo, socket);
  await eventually(async () => (await echo.stats()).websockets === 0, 10000);
  socket.end();
  await echo.stop();
});

test('one that polls and does not come back for its packets is treated the same', async (t) => {
  const echo = await start(t, '--slow-ping');
  const polling = await Polling.open(echo.url, PATH);

  await polling.post('40');
  await polling.packets(2);
  await polling.post(Array.from({ length: 5 }, (_, i) => `42${i}["message-with-ack","p ${i}"]`).join(SEPARATOR));
  await polling.post('42["flood",30,20000]');
  assert.equal((await polling.packets(35)).filter(isFlood).length, 30);
  await polling.post(Array.from({ length: 5 }, (_, i) => `42${i}["message-with-ack","p ${i}"]`).join(SEPARATOR));
  for (let i = 0; i < 3; i++) await polling.post('42["flood",20,20000]');
  await polling.post('425["message-with-ack","p 5"]');
  const packets = await polling.packets(1);
  const others = packets.filter((packet) => !isFlood(packet));
  assert.deepEqual(others.filter((packet) => packet.startsWith('43')), all('p', 6));
  assert.deepEqual(others.filter((packet) => !packet.startsWith('43')), ['42["dropped"]']);
  assert(packets.length < 6 + 1 + 21);
  await polling.post('1');
  await echo.stop();
});

test('what waited for one that polls follows it to its WebSocket whole, though it is at its limit', async (t) => {
  const echo = await start(t, '--slow-ping');
  const polling = await Polling.open(echo.url, PATH);

  await polling.post('40');
  await polling.packets(2);
  await polling.post('42["flood",4000,225]'); // 4,000 frames of 249 bytes or 250: just below the limit
  const socket = await Socket.open(echo.ws, PATH, `&sid=${polling.sid}`);
  socket.send('2probe');
  assert.equal(await socket.next(), '3probe');
  socket.send('5');
  await eventually(() => socket.arrived.filter(isFlood).length === 4000);
  assert(!socket.arrived.includes('42["dropped"]'));
  socket.end();
  await echo.stop();
});

test('one that reads gets all of what is more than a queue in one turn', async (t) => {
  const echo = await start(t, '--slow-ping');
  const socket = await join(echo);

  socket.send('42["flood",120,10000]'); // 1.2 MB, of which the kernel takes some at once
  await eventually(() => socket.arrived.filter(isFlood).length === 120);
  assert(!socket.arrived.includes('42["dropped"]'));
  socket.end();
  await echo.stop();
});

test('one that takes nothing of an answer is closed after a while, one that takes some of it now and then is not', async (t) => {
  const echo = await start(t, '--slow-ping', '--stall', '1');
  const ask = () => {
    const socket = net.connect(echo.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.got = 0;
    socket.on('data', (data) => { socket.got += data.length; });
    socket.on('close', () => { socket.gone = true; });
    socket.pause();
    socket.write('GET /http/big?bytes=30000000 HTTP/1.1\r\nHost: x\r\n\r\n');
    return socket;
  };
  const reads = ask(), never = ask();
  const begun = performance.now();
  const sip = setInterval(() => { reads.resume(); setTimeout(() => reads.pause(), 5); }, 100);
  t.after(() => { clearInterval(sip); reads.destroy(); never.destroy(); });
  await eventually(() => reads.got >= 30000000 || reads.gone, 30000);
  assert(reads.got >= 30000000, `it got ${reads.got} bytes in ${performance.now() - begun} ms`);
  await eventually(() => performance.now() - begun > 4000);
  never.resume();
  await eventually(() => never.gone);
  assert(never.got < 30000000);
  reads.destroy();
  await echo.stop();
});
