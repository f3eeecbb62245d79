// Engine.IO: every case of the official suite, and what it does not cover. "Closed" means closed by
// what was sent: well before the heartbeat (500 ms) would do it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Echo, eventually, sleep } from '../lib/echo.mjs';
import { patience } from '../lib/pipeline.mjs';
import { Polling, SEPARATOR, Socket } from '../lib/sio.mjs';

const AT_ONCE = 200; // ms
let echo;
before(async () => { echo = await Echo.start(); });
after(() => echo.stop());

const fetchStatus = async (path, options) => {
  const response = await fetch(echo.url + path, options);
  return { status: response.status, body: await response.text(), headers: response.headers };
};
const KEYS = ['sid', 'upgrades', 'pingInterval', 'pingTimeout', 'maxPayload'];

for (const path of ['/engine.io/', '/socket.io/']) {
  describe(`both suites, on ${path}`, () => {
    test('polling handshake', async () => {
      const { handshake, open } = await Polling.open(echo.url, path);
      assert.equal(handshake.body[0], '0');
      assert.match(handshake.headers.get('content-type'), /text\/plain; charset=UTF-8/i);
      assert.equal(handshake.headers.get('cache-control'), 'no-store');
      assert.deepEqual(Object.keys(open), KEYS);
      assert.equal(typeof open.sid, 'string');
      assert.deepEqual({ ...open, sid: '' },
        { sid: '', upgrades: ['websocket'], pingInterval: 300, pingTimeout: 200, maxPayload: 1000000 });
    });

    for (const query of ['transport=polling', 'EIO=abc&transport=polling', 'EIO=4', 'EIO=4&transport=abc']) {
      test(`polling handshake with ${query} is refused`, async () => {
        assert.equal((await fetchStatus(`${path}?${query}`)).status, 400);
      });
    }
    for (const method of ['POST', 'PUT']) {
      test(`polling handshake by ${method} is refused`, async () => {
        assert.equal((await fetchStatus(`${path}?EIO=4&transport=polling`, { method })).status, 400);
      });
    }

    test('WebSocket handshake', async () => {
      const socket = await Socket.open(echo.ws, path);
      assert.deepEqual(Object.keys(socket.open), KEYS);
      assert.deepEqual({ ...socket.open, sid: '' },
        { sid: '', upgrades: [], pingInterval: 300, pingTimeout: 200, maxPayload: 1000000 });
      socket.end();
    });
    for (const query of ['transport=websocket', 'EIO=abc&transport=websocket', 'EIO=4', 'EIO=4&transport=abc']) {
      test(`WebSocket handshake with ${query} is refused by plain HTTP`, async () => {
        const socket = new Socket(`${echo.ws}${path}?${query}`);
        assert(await socket.untilClosed() < AT_ONCE);
        assert.equal(socket.refused.status, 400);
        assert.equal(socket.refused.headers.connection, 'close');
        assert.match(socket.refused.headers['content-type'], /text\/html/);
        assert.equal(socket.refused.body,
          query.includes('transport=websocket') ? 'Unsupported protocol version' : 'Transport unknown');
      });
    }

    test('polling heartbeat, three rounds', async () => {
      const polling = await Polling.open(echo.url, path);
      for (let round = 0; round < 3; round++) {
        const { status, body } = await polling.get();
        assert.deepEqual([status, body], [200, '2']);
        assert.equal((await polling.post('3')).status, 200);
      }
    });
    test('polling ping timeout: the session is gone after 500 ms', async () => {
      const polling = await Polling.open(echo.url, path);
      await sleep(501);
      assert.equal((await polling.get()).status, 400);
    });
    test('WebSocket heartbeat, three rounds', async () => {
      const socket = await Socket.open(echo.ws, path);
      for (let round = 0; round < 3; round++) {
        const from = performance.now();
        assert.equal(await socket.next(), '2');
        assert(performance.now() - from < 400 * patience);
        socket.send('3');
      }
      socket.end();
    });
    test('WebSocket ping timeout: closed, 500 ms after the handshake', async () => {
      const socket = await Socket.open(echo.ws, path);
      const ms = await socket.untilClosed();
      assert(ms > 450 && ms < 700 * patience, `${ms} ms`);
    });

    test('polling close: the waiting GET gets a noop, and the session ends', async () => {
      const polling = await Polling.open(echo.url, path);
      const get = polling.get();
      await eventually(async () => (await echo.stats()).held > 1);
      const post = await polling.post('1');
      assert.deepEqual([post.status, post.body], [200, 'ok']);
      const { status, body } = await get;
      assert.deepEqual([status, body], [200, '6']);
      assert.equal((await polling.get()).status, 400);
    });
    test('WebSocket close: closed at once', async () => {
      const socket = await Socket.open(echo.ws, path);
      socket.send('1');
      assert(await socket.untilClosed() < AT_ONCE);
    });

    test('GET after the upgrade is refused', async () => {
      const { polling, socket } = await upgraded(path);
      const { status, body } = await polling.get();
      assert.equal(status, 400);
      assert.equal(JSON.parse(body).code, 3);
      socket.end();
    });
    test('a second WebSocket after the upgrade is closed, the first lives on', async () => {
      const { polling, socket } = await upgraded(path);
      const second = new Socket(`${echo.ws}${path}?EIO=4&transport=websocket&sid=${polling.sid}`);
      assert(await second.untilClosed() < AT_ONCE);
      assert.equal(await socket.next(), '2');
      socket.end();
    });
  });
}

async function upgraded(path) {
  const polling = await Polling.open(echo.url, path);
  const socket = await Socket.open(echo.ws, path, `&sid=${polling.sid}`);
  socket.send('2probe');
  assert.equal(await socket.next(), '3probe');
  socket.send('5');
  await sleep(20);
  return { polling, socket };
}

describe('messages', () => {
  test('polling: one message', async () => {
    const polling = await Polling.open(echo.url);
    const post = await polling.post('4hello');
    assert.deepEqual([post.status, post.body], [200, 'ok']);
    assert.equal((await polling.get()).body, '4hello');
  });
  test('polling: several come joined, in order', async () => {
    const polling = await Polling.open(echo.url);
    await polling.post(['4test1', '4test2', '4test3'].join(SEPARATOR));
    assert.equal((await polling.get()).body, ['4test1', '4test2', '4test3'].join(SEPARATOR));
  });
  test('polling: a batch meets a GET that already waits', async () => {
    const polling = await Polling.open(echo.url);
    const get = polling.get();
    await eventually(async () => (await echo.stats()).held > 1);
    await polling.post(['4a', '4b'].join(SEPARATOR));
    assert.equal((await get).body, ['4a', '4b'].join(SEPARATOR));
  });
  test('polling: text and binary', async () => {
    const polling = await Polling.open(echo.url);
    await polling.post(`4hello${SEPARATOR}bAQIDBA==`);
    assert.equal((await polling.get()).body, `4hello${SEPARATOR}bAQIDBA==`);
  });
  test('polling: an empty binary message is a message', async () => {
    const polling = await Polling.open(echo.url);
    await polling.post('b');
    assert.equal((await polling.get()).body, 'b');
  });
  test('polling: text of many bytes per character', async () => {
    const polling = await Polling.open(echo.url);
    const text = '4' + 'héllo 漢字 😀'.repeat(1000);
    await polling.post(text);
    assert.equal((await polling.get()).body, text);
  });
  test('polling: 2000 packets in one payload', async () => {
    const polling = await Polling.open(echo.url);
    const packets = Array.from({ length: 2000 }, (_, i) => `4${i}`);
    assert.equal((await polling.post(packets.join(SEPARATOR))).status, 200);
    assert.deepEqual((await polling.get()).body.split(SEPARATOR), packets);
  });
  test('WebSocket: text and binary, also empty ones', async () => {
    const socket = await Socket.open(echo.ws);
    socket.send('4hello').send(Buffer.from([1, 2, 3, 4])).send(Buffer.alloc(0)).send('4');
    assert.equal(await socket.message(), '4hello');
    assert.deepEqual(await socket.message(), Buffer.from([1, 2, 3, 4]));
    assert.deepEqual(await socket.message(), Buffer.alloc(0));
    assert.equal(await socket.message(), '4');
    socket.end();
  });
  test('WebSocket: 999,999 bytes pass, one more than a million closes with 1009', async () => {
    const socket = await Socket.open(echo.ws);
    socket.send('4' + 'x'.repeat(999998));
    assert.equal((await socket.message()).length, 999999);
    socket.send('4' + 'x'.repeat(1000000));
    await socket.untilClosed();
    assert.equal(socket.code, 1009);
  });
  test('WebSocket: fragments with a ping between are one message', async () => {
    const socket = await Socket.open(echo.ws);
    socket.ws.send('4he', { fin: false });
    socket.ws.ping('x');
    socket.ws.send('llo', { fin: true });
    assert.equal(await socket.message(), '4hello');
    socket.end();
  });
  test('WebSocket: text that is no UTF-8 closes with 1007', async () => {
    const socket = await Socket.open(echo.ws);
    socket.ws.send(Buffer.from([0x34, 0xff, 0xfe]), { binary: false });
    await socket.untilClosed();
    assert.equal(socket.code, 1007);
  });
});

describe('what breaks the protocol', () => {
  for (const bad of ['abc', '', `4a${SEPARATOR}`, `4a${SEPARATOR}${SEPARATOR}4b`, 'b*', 'bAQ', '7', '2', '2probe', '0', '5']) {
    test(`polling: ${JSON.stringify(bad)} ends the session`, async () => {
      const polling = await Polling.open(echo.url);
      assert([200, 400].includes((await polling.post(bad)).status)); // the suite does not say
      const { status, body } = await polling.get();
      assert.equal(status, 400);
      assert.deepEqual(JSON.parse(body), { code: 1, message: 'Session ID unknown' });
    });
  }
  for (const bad of ['abc', '', '2', '2probe', '0', '5', '7']) {
    test(`WebSocket: ${JSON.stringify(bad)} closes`, async () => {
      const socket = await Socket.open(echo.ws);
      socket.send(bad);
      assert(await socket.untilClosed() < AT_ONCE);
    });
  }
  test('polling: a second GET ends the session: the first gets close, itself 400', async () => {
    const polling = await Polling.open(echo.url);
    const first = polling.get();
    await sleep(5);
    const second = await polling.get();
    assert.equal(second.status, 400);
    const { status, body } = await first;
    assert.deepEqual([status, body], [200, '1']);
    assert.equal((await polling.get()).status, 400);
  });
  test('polling: a second POST ends the session', async () => {
    const polling = await Polling.open(echo.url);
    const raw = echo.connect();
    raw.send(`POST /engine.io/?EIO=4&transport=polling&sid=${polling.sid} HTTP/1.1\r\nHost: x\r\n` +
      'Content-Type: text/plain\r\nContent-Length: 6\r\n\r\n4h');
    await sleep(30);
    assert.equal((await polling.post('4hello')).status, 400);
    assert.equal((await polling.get()).status, 400);
    raw.end();
  });
  test('polling: a cancelled GET ends the session', async () => {
    const polling = await Polling.open(echo.url);
    const stop = new AbortController();
    const get = polling.get({ signal: stop.signal }).catch(() => {});
    await eventually(async () => (await echo.stats()).held > 1);
    stop.abort();
    await get;
    await sleep(5);
    assert.equal((await polling.get()).status, 400);
  });
  test('polling: a POST that is cut off ends the session', async () => {
    const polling = await Polling.open(echo.url);
    const raw = echo.connect();
    raw.send(`POST /engine.io/?EIO=4&transport=polling&sid=${polling.sid} HTTP/1.1\r\nHost: x\r\n` +
      'Content-Length: 100\r\n\r\n4h');
    await sleep(30);
    raw.end();
    await sleep(30);
    assert.equal((await polling.get()).status, 400);
  });
  test('polling: a POST of application/octet-stream ends the session', async () => {
    const polling = await Polling.open(echo.url);
    assert.equal((await polling.post('4a', { 'content-type': 'application/octet-stream' })).status, 400);
    assert.equal((await polling.get()).status, 400);
  });
  test('polling: a body above maxPayload is 413, and the session survives', async () => {
    const polling = await Polling.open(echo.url);
    assert.equal((await polling.post('4' + 'x'.repeat(1000000))).status, 413);
    assert.equal((await polling.post('4' + 'x'.repeat(999999))).status, 200);
    assert.equal((await polling.get()).body.length, 1000000);
  });
});

describe('error codes', () => {
  const cases = [
    ['transport missing', '?EIO=4', {}, 400, 0, 'Transport unknown'],
    ['unknown sid', '?EIO=4&transport=polling&sid=abc', {}, 400, 1, 'Session ID unknown'],
    ['unknown sid of the right form', `?EIO=4&transport=polling&sid=${'a'.repeat(26)}`, {}, 400, 1, 'Session ID unknown'],
    ['POST without sid', '?EIO=4&transport=polling', { method: 'POST', body: '' }, 400, 2, 'Bad handshake method'],
    ['transport=websocket without an upgrade', '?EIO=4&transport=websocket', {}, 400, 3, 'Bad request'],
    ['EIO=3', '?EIO=3&transport=polling', {}, 400, 5, 'Unsupported protocol version'],
    ['refused by the hook', '?EIO=4&transport=polling&refuse=yes', {}, 403, 4, 'Forbidden', '/socket.io/'],
    ['refused as busy', '?EIO=4&transport=polling&refuse=busy', {}, 503, 4, 'Busy', '/socket.io/'],
  ];
  for (const [name, query, options, status, code, message, path = '/engine.io/'] of cases) {
    test(`${name}: ${status}, code ${code}`, async () => {
      const answer = await fetchStatus(path + query, options);
      assert.equal(answer.status, status);
      assert.match(answer.headers.get('content-type'), /application\/json/);
      assert.deepEqual(JSON.parse(answer.body), { code, message });
      assert.equal(answer.headers.get('retry-after'), status === 503 ? '7' : null);
    });
  }
  test('a plain GET with transport=websocket does not eat what waits', async () => {
    const polling = await Polling.open(echo.url);
    await polling.post('4kept');
    const answer = await fetchStatus(`/engine.io/?EIO=4&transport=websocket&sid=${polling.sid}`);
    assert.deepEqual([answer.status, JSON.parse(answer.body).code], [400, 3]);
    assert.equal((await polling.get()).body, '4kept');
  });
  test('another EIO than the session\'s: 400, code 3', async () => {
    const polling = await Polling.open(echo.url);
    const answer = await fetchStatus(`/engine.io/?EIO=3&transport=polling&sid=${polling.sid}`);
    assert.deepEqual([answer.status, JSON.parse(answer.body).code], [400, 3]);
  });
  test('other methods with a sid: 405, and the session lives', async () => {
    const polling = await Polling.open(echo.url);
    assert.equal((await polling.request({ method: 'DELETE' })).status, 405);
    assert.equal((await polling.post('4x')).status, 200);
  });
  test('without the trailing slash: 404', async () => {
    assert.equal((await fetchStatus('/engine.io?EIO=4&transport=polling')).status, 404);
  });
  test('parameters in any order, encoded, with strangers among them', async () => {
    const answer = await fetchStatus('/engine.io/?t=abc&j=1&transport=%70olling&b64=1&EIO=4&x=%26EIO%3D3');
    assert.equal(answer.status, 200);
  });
});

describe('the upgrade', () => {
  test('probe, a GET gets a noop before the ping, then all goes by WebSocket', async () => {
    const polling = await Polling.open(echo.url);
    const socket = await Socket.open(echo.ws, '/engine.io/', `&sid=${polling.sid}`);
    socket.send('2probe');
    assert.equal(await socket.next(), '3probe');
    const from = performance.now();
    const { status, body } = await polling.get();
    assert.deepEqual([status, body], [200, '6']);
    assert(performance.now() - from < 200);
    socket.send('5').send('4hello');
    assert.equal(await socket.next(), '4hello');
    assert.equal((await polling.get()).status, 400);
    socket.send('4still');
    assert.equal(await socket.message(), '4still');
    socket.end();
  });
  test('idle: a GET that waited before the probe is released too', async () => {
    const polling = await Polling.open(echo.url);
    const get = polling.get();
    await eventually(async () => (await echo.stats()).held > 1);
    const socket = await Socket.open(echo.ws, '/engine.io/', `&sid=${polling.sid}`);
    socket.send('2probe');
    assert.equal(await socket.next(), '3probe');
    assert.equal((await get).body, '6');
    socket.send('5').send('4a');
    assert.equal(await socket.message(), '4a');
    socket.end();
  });
  test('messages before the 5 go by polling, queued ones follow it in order', async () => {
    const polling = await Polling.open(echo.url);
    const socket = await Socket.open(echo.ws, '/engine.io/', `&sid=${polling.sid}`);
    socket.send('2probe');
    assert.equal(await socket.next(), '3probe');
    await polling.post('4one');
    assert.equal((await polling.get()).body, '4one');
    await polling.post(['4two', '4three'].join(SEPARATOR));
    socket.send('5').send('4four');
    assert.equal(await socket.message(), '4two');
    assert.equal(await socket.message(), '4three');
    assert.equal(await socket.message(), '4four');
    socket.end();
  });
  test('the heartbeat goes on while an upgrade is left unfinished', async () => {
    const polling = await Polling.open(echo.url);
    const socket = await Socket.open(echo.ws, '/engine.io/', `&sid=${polling.sid}`);
    socket.send('2probe');
    await socket.next();
    await eventually(async () => (await polling.get()).body === '2');
    await polling.post('3');
    socket.end();
    await polling.post('4lives');
    assert.deepEqual(await polling.packets(1), ['4lives']);
  });
  for (const bad of ['4hello', '5', '2', '1', '3probe']) {
    test(`${bad} in place of a probe closes the newcomer alone`, async () => {
      const polling = await Polling.open(echo.url);
      await polling.post('4kept');
      const socket = await Socket.open(echo.ws, '/engine.io/', `&sid=${polling.sid}`);
      socket.send(bad);
      assert(await socket.untilClosed() < AT_ONCE);
      assert.equal((await polling.get()).body, '4kept');
    });
  }
  test('a second newcomer is refused, the first goes on', async () => {
    const { polling, socket } = await (async () => {
      const polling = await Polling.open(echo.url);
      const socket = await Socket.open(echo.ws, '/engine.io/', `&sid=${polling.sid}`);
      return { polling, socket };
    })();
    const second = new Socket(`${echo.ws}/engine.io/?EIO=4&transport=websocket&sid=${polling.sid}`);
    await second.untilClosed();
    assert.equal(second.refused.status, 400);
    socket.send('2probe');
    assert.equal(await socket.next(), '3probe');
    socket.end();
  });
  test('the heartbeat of an upgraded session works', async () => {
    const { socket } = await upgraded('/engine.io/');
    assert.equal(await socket.next(), '2');
    socket.send('3');
    assert.equal(await socket.next(), '2');
    socket.end();
  });
  test('an abandoned session is reclaimed', async () => {
    const before = (await echo.stats()).websockets;
    const polling = await Polling.open(echo.url);
    const socket = await Socket.open(echo.ws, '/engine.io/', `&sid=${polling.sid}`);
    socket.send('2probe');
    await eventually(async () => socket.closed);
    assert.equal((await polling.get()).status, 400);
    await eventually(async () => (await echo.stats()).websockets <= before);
  });
});

describe('CORS', () => {
  const ORIGIN = 'https://chat.example';
  let other;
  before(async () => { other = await Echo.start('--origin', ORIGIN); });
  after(() => other.stop());
  const ask = async (query, options) => {
    const response = await fetch(`${other.url}/engine.io/${query}`, options);
    await response.text();
    return response;
  };

  test('is off unless configured', async () => {
    const { handshake } = await Polling.open(echo.url);
    assert.equal(handshake.headers.get('access-control-allow-origin'), null);
  });
  test('names the exact origin, with credentials and Vary, also on errors', async () => {
    for (const query of ['?EIO=4&transport=polling', '?EIO=4', '?EIO=4&transport=polling&sid=x']) {
      const { headers } = await ask(query, { headers: { origin: ORIGIN } });
      assert.equal(headers.get('access-control-allow-origin'), ORIGIN);
      assert.equal(headers.get('access-control-allow-credentials'), 'true');
      assert.equal(headers.get('vary'), 'Origin');
    }
  });
  test('is on a 413', async () => {
    const { sid } = await Polling.open(other.url);
    const response = await ask(`?EIO=4&transport=polling&sid=${sid}`,
      { method: 'POST', body: 'x'.repeat(1000001), headers: { origin: ORIGIN } });
    assert.equal(response.status, 413);
    assert.equal(response.headers.get('access-control-allow-origin'), ORIGIN);
  });
  test('a foreign origin is served, without the headers', async () => {
    const response = await ask('?EIO=4&transport=polling', { headers: { origin: 'https://evil.example' } });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('access-control-allow-origin'), null);
  });
  test('a preflight is answered before any other check', async () => {
    const response = await ask('?sid=nonsense', {
      method: 'OPTIONS',
      headers: { origin: ORIGIN, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-one,x-two' },
    });
    assert.equal(response.status, 204);
    assert.equal(response.headers.get('access-control-allow-origin'), ORIGIN);
    assert.match(response.headers.get('access-control-allow-methods'), /POST/);
    assert.equal(response.headers.get('access-control-allow-headers'), 'x-one,x-two');
  });
  test('is on the 101 too', async () => {
    const socket = new Socket(`${other.ws}/engine.io/?EIO=4&transport=websocket`, { origin: ORIGIN });
    const [response] = await new Promise((resolve) => { socket.ws.on('upgrade', (...all) => resolve(all)); });
    assert.equal(response.headers['access-control-allow-origin'], ORIGIN);
    socket.end();
  });
});
