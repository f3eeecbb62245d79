// Unmodified socket.io-client from npm against the edge's modules.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { io } from 'socket.io-client';
import { Echo, eventually } from '../lib/echo.mjs';

let echo;
before(async () => { echo = await Echo.start(); });
after(() => echo.stop());

const once = (emitter, event) => new Promise((resolve) => { emitter.once(event, (...args) => resolve(args)); });

const ways = [
  ['default options', {}, 'websocket'],
  ['websocket only', { transports: ['websocket'] }, 'websocket'],
  ['polling only', { transports: ['polling'] }, 'polling'],
];
for (const [name, options, ends] of ways) {
  describe(name, () => {
    const connect = async (path = '/', more = {}) => {
      const socket = io(echo.url + path, { ...options, ...more, forceNew: true });
      const auth = once(socket, 'auth');
      const error = once(socket, 'connect_error').then(([e]) => { throw e; });
      await Promise.race([once(socket, 'connect'), error]);
      return { socket, auth };
    };

    test('connects, is upgraded as far as it wants, and gets its auth back', async () => {
      const { socket, auth } = await connect('/', { auth: { token: 'abc' } });
      assert.deepEqual(await auth, [{ token: 'abc' }]);
      await eventually(() => socket.io.engine.transport.name === ends);
      socket.disconnect();
    });
    test('emits, gets answers and acknowledgements', async () => {
      const { socket } = await connect();
      const back = once(socket, 'message-back');
      socket.emit('message', 1, '2', { 3: [true, 'ü😀'] });
      assert.deepEqual(await back, [1, '2', { 3: [true, 'ü😀'] }]);
      assert.equal(await socket.timeout(2000).emitWithAck('message-with-ack', 'x'), 'x');
      socket.disconnect();
    });
    test('sends and gets binary, nested', async () => {
      const { socket } = await connect();
      const back = once(socket, 'message-back');
      socket.emit('message', { deep: [Buffer.from([1, 2, 3])] }, Buffer.alloc(0));
      const [object, empty] = await back;
      assert.deepEqual(Buffer.from(object.deep[0]), Buffer.from([1, 2, 3]));
      assert.equal(Buffer.from(empty).length, 0);
      const echoed = await socket.timeout(2000).emitWithAck('message-with-ack', Buffer.from('hi'));
      assert.equal(Buffer.from(echoed).toString(), 'hi');
      socket.disconnect();
    });
    test('is told why a token is refused', async () => {
      const socket = io(echo.url, { ...options, forceNew: true, auth: { token: 'refused' } });
      const [error] = await once(socket, 'connect_error');
      assert.equal(error.message, 'unauthorized');
      assert.deepEqual(error.data, { code: 'invalid' });
      socket.disconnect();
    });
    test('is told that a namespace is unknown', async () => {
      const socket = io(`${echo.url}/nowhere`, { ...options, forceNew: true });
      const [error] = await once(socket, 'connect_error');
      assert.equal(error.message, 'Invalid namespace');
      socket.disconnect();
    });
    test('has two namespaces on one connection', async () => {
      const manager = io(echo.url, { ...options, forceNew: true });
      const custom = manager.io.socket('/custom');
      const [auth] = await once(custom, 'auth');
      assert.deepEqual(auth, {});
      assert.equal(await custom.timeout(2000).emitWithAck('message-with-ack', 5), 5);
      manager.disconnect();
      assert.equal(await custom.timeout(2000).emitWithAck('message-with-ack', 6), 6);
      custom.disconnect();
    });
    test('comes back by itself after the server hung up', async () => {
      const { socket } = await connect('/', { reconnectionDelay: 20, reconnectionDelayMax: 50 });
      const again = once(socket, 'connect');
      const [reason] = await Promise.all([once(socket, 'disconnect'), socket.emit('hang-up')]);
      assert.notEqual(reason[0], 'io server disconnect');
      await again;
      assert.equal(await socket.timeout(2000).emitWithAck('message-with-ack', 1), 1);
      socket.disconnect();
    });
    test('stays away after the server disconnected it', async () => {
      const { socket } = await connect();
      const gone = once(socket, 'disconnect');
      socket.emit('leave');
      assert.equal((await gone)[0], 'io server disconnect');
      socket.connect();
      await once(socket, 'connect');
      socket.disconnect();
    });
    test('emits while it is being upgraded lose nothing and keep their order', async () => {
      const socket = io(echo.url, { ...options, forceNew: true });
      const got = [];
      socket.on('message-back', (i) => got.push(i));
      await once(socket, 'connect');
      for (let i = 0; i < 200; i++) {
        socket.emit('message', i);
        if (i % 10 === 0) await new Promise((resolve) => { setTimeout(resolve, 2); });
      }
      await eventually(() => got.length === 200);
      assert.deepEqual(got, Array.from({ length: 200 }, (_, i) => i));
      socket.disconnect();
    });
    test('a burst of 40 emits before anything else', async () => {
      const socket = io(echo.url, { ...options, forceNew: true });
      const got = [];
      socket.on('message-back', (i) => got.push(i));
      for (let i = 0; i < 40; i++) socket.emit('message', i);
      await eventually(() => got.length === 40);
      assert.deepEqual(got, Array.from({ length: 40 }, (_, i) => i));
      socket.disconnect();
    });
    test('stays connected while idle', async () => {
      const { socket } = await connect();
      let lost = 0;
      socket.on('disconnect', () => { lost++; });
      await new Promise((resolve) => { setTimeout(resolve, 1500); });
      assert.equal(lost, 0);
      assert.equal(await socket.timeout(2000).emitWithAck('message-with-ack', 1), 1);
      socket.disconnect();
    });
  });
}
