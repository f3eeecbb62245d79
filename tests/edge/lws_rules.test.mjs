// One test per rule about libwebsockets 4.1.6 that edge/transport obeys. README.md says how each
// fails without its cure.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { after, before, describe, test } from 'node:test';
import WebSocket from 'ws';
import { Echo, eventually, sleep } from '../lib/echo.mjs';
import { Socket } from '../lib/sio.mjs';

const MIB = 1 << 20;
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'parley-lws-'));
const files = path.join(directory, 'files');
const cert = path.join(directory, 'cert.pem');
const key = path.join(directory, 'key.pem');
let echo;
let secure;

before(async () => {
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
    '-subj', '/CN=localhost', '-days', '2', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  fs.mkdirSync(path.join(files, 'assets'), { recursive: true });
  fs.writeFileSync(path.join(directory, 'outside.txt'), 'outside');
  fs.writeFileSync(path.join(files, '.secret'), 'hidden');
  for (const name of ['index.html', 'a.mjs', 'a.js', 'a.map', 'a.webmanifest', 'a.wasm', 'a.webp', 'a.css', 'a.unknown']) {
    fs.writeFileSync(path.join(files, name), `content of ${name}`);
  }
  fs.writeFileSync(path.join(files, 'assets/large.js'), Buffer.alloc(3 * MIB, 'x'));
  echo = await Echo.start('--files', files, '--slow-ping');
  secure = await Echo.start('--cert', cert, '--key', key, '--slow-ping');
});
after(async () => {
  fs.rmSync(directory, { recursive: true });
  await Promise.all([echo.stop(), secure.stop()]);
});

// One request over TLS: {status, body}.
function ask(method, where, body) {
  return new Promise((resolve, reject) => {
    const headers = body ? { 'content-length': body.length } : {};
    const request = https.request(secure.url + where, { method, headers, rejectUnauthorized: false, agent: false }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(parts) }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

const HEAD = 'HTTP/1.1\r\nHost: x\r\n';
// Answers in what came, by their heads.
const answers = (text) => text.match(/HTTP\/1\.1 \d+/g) ?? [];
const alive = async () => assert.equal((await fetch(`${echo.url}/http/echo?q=alive`)).status, 200);

describe('rule 1: no permessage-deflate', () => {
  test('it is offered and not taken, and broadcasts of 200 bytes harm nothing', async () => {
    const socket = new WebSocket(`${echo.ws}/http/flood`, { perMessageDeflate: true });
    await new Promise((resolve) => { socket.on('open', resolve); });
    let count = 0;
    socket.on('message', () => { count++; });
    for (let i = 0; i < 10; i++) socket.send('x'.repeat(200));
    await eventually(() => count === 10);
    assert.equal(socket.extensions, '');
    socket.terminate();
    await alive();
  });
});

describe('rule 2: no HTTP/2', () => {
  test('of h2 and http/1.1 the latter is chosen', async () => {
    const socket = tls.connect({ host: '127.0.0.1', port: secure.port, ALPNProtocols: ['h2', 'http/1.1'], rejectUnauthorized: false });
    await new Promise((resolve) => { socket.on('secureConnect', resolve); });
    assert.equal(socket.alpnProtocol, 'http/1.1');
    socket.destroy();
  });
  test('a download of 40 MiB over TLS arrives whole', async () => {
    const { status, body } = await ask('GET', `/http/big?bytes=${40 * MIB}`);
    assert.equal(status, 200);
    assert.equal(body.length, 40 * MIB);
  });
  test('Upgrade: h2c is refused', async () => {
    const raw = echo.connect().send(`GET /http/echo ${HEAD}Connection: Upgrade, HTTP2-Settings\r\n` +
      'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n');
    const text = await raw.untilClosed();
    assert(!text.includes('101'), text);
    await alive();
  });
});

describe('rule 3: uploads over TLS', () => {
  for (const size of [1, 4096, 16 * 1024, 64 * 1024, MIB, 20 * MIB]) {
    test(`${size} bytes arrive whole`, async () => {
      const body = Buffer.alloc(size, 'abc');
      const answer = await ask('POST', '/http/echo', body);
      assert.equal(answer.status, 200);
      assert(answer.body.equals(body));
    });
  }
});

describe('rule 3: what libwebsockets reads of a TLS record is less than the record', () => {
  for (const size of [5000, 12000, 16000]) {
    test(`a request and its ${size} bytes in one record arrive whole`, async () => {
      const socket = tls.connect({ host: '127.0.0.1', port: secure.port, rejectUnauthorized: false });
      let text = '';
      socket.on('data', (data) => { text += data.toString('latin1'); });
      socket.write(`POST /http/echo ${HEAD}Content-Length: ${size}\r\n\r\n${'x'.repeat(size)}`);
      await eventually(() => text.endsWith('x'.repeat(size)));
      socket.destroy();
    });
  }
});

describe('rule 4: a request that waits for its answer', () => {
  for (const [what, disturb] of [
    ['whose client closes', (raw) => raw.socket.end()],
    ['whose client sends more', (raw) => raw.send(`GET /http/echo?q=next ${HEAD}\r\n`)],
    ['whose client sends nonsense', (raw) => raw.send('\0\0\0\0')],
  ]) {
    test(`${what} does not make the loop spin`, async () => {
      const raw = echo.connect().send(`GET /http/later?ms=1000 ${HEAD}\r\n`);
      await eventually(async () => (await echo.stats()).held > 1);
      disturb(raw);
      await sleep(50);
      const before = (await echo.stats()).turns;
      await sleep(600);
      const turns = (await echo.stats()).turns - before;
      assert(turns < 100, `${turns} turns`);
      raw.end();
    });
  }
  test('is told at once when the client has gone', async () => {
    const before = Number(await (await fetch(`${echo.url}/http/gone`)).text());
    const raw = echo.connect().send(`GET /http/later?ms=5000 ${HEAD}\r\n`);
    await eventually(async () => (await echo.stats()).held > 1);
    raw.end();
    await eventually(async () => Number(await (await fetch(`${echo.url}/http/gone`)).text()) === before + 1, 1000);
  });
  for (const [method, body] of [['GET', ''], ['POST', 'body']]) {
    test(`a ${method} is answered, and then the one behind it on the same connection`, async () => {
      const length = body ? `Content-Length: ${body.length}\r\n` : '';
      const raw = echo.connect().send(`${method} /http/later?ms=100&q=first ${HEAD}${length}\r\n${body}`);
      await sleep(30);
      raw.send(`GET /http/echo?q=second ${HEAD}\r\n`);
      const text = await raw.until((t) => t.includes('second'));
      assert.equal(answers(text).length, 2);
      assert(text.indexOf(body || 'first') < text.indexOf('second'));
      raw.end();
    });
  }
  test('four requests in one packet, one of which waits, are answered in order', async () => {
    const raw = echo.connect().send(`GET /http/echo?q=one ${HEAD}\r\nGET /http/later?ms=50&q=two ${HEAD}\r\n` +
      `GET /http/echo?q=2a ${HEAD}\r\nGET /http/echo?q=three ${HEAD}\r\n`);
    const text = await raw.until((t) => t.includes('three'));
    assert.equal(answers(text).length, 4);
    assert(text.indexOf('one') < text.indexOf('two') && text.indexOf('two') < text.indexOf('three'));
    raw.end();
  });
  test('a waiting POST and a GET in one packet are answered in order', async () => {
    const raw = echo.connect().send(`POST /http/later?ms=50 ${HEAD}Content-Length: 3\r\n\r\ntwoGET /http/echo?q=three ${HEAD}\r\n`);
    const text = await raw.until((t) => t.includes('three'));
    assert.match(text, /\r\n\r\ntwoHTTP/);
    raw.end();
  });
});

describe('rule 5: bodies', () => {
  test('Transfer-Encoding is refused with 411, though the client goes on sending', async () => {
    const raw = echo.connect().send(`POST /http/echo ${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`);
    await sleep(20);
    raw.send('5\r\nhello\r\n0\r\n\r\n');
    const text = await raw.until((t) => t.includes('Length Required'));
    assert.match(text, /^HTTP\/1\.1 411 /);
    assert.match(text, /Connection: close/);
    raw.end();
  });
  test('Transfer-Encoding beside Content-Length is refused', async () => {
    const raw = echo.connect().send(`POST /http/echo ${HEAD}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc`);
    assert.match(await raw.until((t) => t.includes('\r\n\r\n')), /^HTTP\/1\.1 411 /);
    raw.end();
  });
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    test(`a ${method} without a length has an empty body`, async () => {
      const raw = echo.connect().send(`${method} /http/echo ${HEAD}\r\n`);
      assert.match(await raw.until((t) => t.includes('\r\n\r\n'), 1000), /^HTTP\/1\.1 200 /);
      if (raw.text.includes('Connection: keep-alive')) { // then it must be true
        raw.send(`GET /http/echo?q=next ${HEAD}\r\n`);
        await raw.until((t) => t.includes('next'), 1000);
      }
      raw.end();
    });
    test(`a ${method} of length 0 has an empty body and keeps the connection`, async () => {
      const raw = echo.connect().send(`${method} /http/echo ${HEAD}Content-Length: 0\r\n\r\n`);
      await raw.until((t) => answers(t).length === 1, 1000);
      raw.send(`GET /http/echo?q=next ${HEAD}\r\n`);
      await raw.until((t) => t.includes('next'), 1000);
      raw.end();
    });
  }
  for (const [what, lines] of [['two lengths', 'Content-Length: 3\r\nContent-Length: 3\r\n'], ['a negative length', 'Content-Length: -1\r\n'],
    ['a length that is no number', 'Content-Length: 3x\r\n'], ['an empty length', 'Content-Length: \r\n'],
    ['a length beyond numbers', 'Content-Length: 99999999999999999999\r\n']]) {
    test(`${what} is refused`, async () => {
      const raw = echo.connect().send(`POST /http/echo ${HEAD}${lines}\r\nabc`);
      assert.match(await raw.untilClosed(), /^HTTP\/1\.1 400 /);
    });
  }
  test('a body above the handler\'s limit is answered with 413', async () => {
    const raw = echo.connect().send(`POST /http/echo ${HEAD}Content-Length: 1000000000\r\n\r\n${'x'.repeat(100000)}`);
    assert.match(await raw.until((t) => t.includes('too large')), /^HTTP\/1\.1 413 /);
    await raw.untilClosed();
  });
});

describe('rule 13: a body that comes in one packet with the request before it', () => {
  const first = `GET /http/echo?q=first ${HEAD}\r\n`;
  for (const [what, second] of [
    ['a POST', `POST /http/echo ${HEAD}Content-Length: 100\r\n\r\n${'z'.repeat(100)}`],
    ['a waiting POST with more behind it', `POST /http/later?ms=20 ${HEAD}Content-Length: 3\r\n\r\ntwo${first}`],
    ['a GET with a body', `GET /http/echo ${HEAD}Content-Length: 3\r\n\r\ntwo`],
    ['a second GET and a POST', `${first}POST /http/echo ${HEAD}Content-Length: 3\r\n\r\ntwo`],
  ]) {
    test(`${what} behind a GET is never taken for something else: the connection is closed`, async () => {
      const raw = echo.connect().send(first + second);
      const text = await raw.untilClosed();
      assert.equal(answers(text).length, second.startsWith(first) ? 2 : 1);
      await alive();
    });
  }
  test('when it comes after the answer, all is well', async () => {
    const raw = echo.connect();
    for (let i = 1; i <= 20; i++) {
      raw.send(`POST /http/echo ${HEAD}Content-Length: 5\r\n\r\nbody${i % 10}`);
      await raw.until((t) => answers(t).length === i && t.endsWith(`body${i % 10}`));
    }
    raw.end();
  });
});

describe('rule 6: one port, one server', () => {
  test('a second one on the port says so', async () => {
    await assert.rejects(Echo.start('--port', String(echo.port)), /Address already in use/);
  });
});

describe('rule 7: strange upgrades', () => {
  for (const upgrade of ['foo', '', 'websocket2', 'h2c', 'x'.repeat(300)]) {
    test(`Upgrade: ${upgrade.slice(0, 20)} opens nothing and harms nothing`, async () => {
      const raw = echo.connect().send(`GET /http/flood ${HEAD}Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');
      await raw.until((t) => t.includes('\r\n\r\n') || raw.closed);
      assert(!raw.text.includes(' 101 '), raw.text);
      raw.end();
      await alive();
    });
  }
  test('CONNECT opens nothing and harms nothing', async () => {
    const raw = echo.connect().send('CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\nmore');
    await raw.untilClosed();
    assert.equal(raw.text, '');
    await alive();
  });
});

describe('rule 8: WebSocket handshakes', () => {
  const shake = (lines) => echo.connect().send(`GET /http/flood HTTP/1.1\r\n${lines}\r\n`);
  const GOOD = 'Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
  test('a right one succeeds', async () => {
    const raw = shake(GOOD);
    assert.match(await raw.until((t) => t.includes('\r\n\r\n')), /^HTTP\/1\.1 101 /);
    raw.end();
  });
  test('version 8 is refused with the right one named', async () => {
    const text = await shake(GOOD.replace('13', '8')).untilClosed();
    assert.match(text, /^HTTP\/1\.1 426 /);
    assert.match(text, /Sec-WebSocket-Version: 13/);
  });
  for (const missing of ['Host', 'Connection', 'Sec-WebSocket-Version', 'Sec-WebSocket-Key']) {
    test(`without ${missing} it opens nothing and harms nothing`, async () => {
      const text = await shake(GOOD.replace(new RegExp(`${missing}: .*\r\n`), '')).untilClosed();
      if (missing === 'Host') assert.equal(text, ''); // libwebsockets finds that out late
      else assert.match(text, /^HTTP\/1\.1 4/);
      await alive();
    });
  }
  test('by POST it opens nothing', async () => {
    const raw = echo.connect().send(`POST /http/flood HTTP/1.1\r\n${GOOD}Content-Length: 0\r\n\r\n`);
    assert(!(await raw.untilClosed()).includes(' 101 '));
  });
  test('many refused and broken off at once leave nothing behind', async () => {
    const before = (await echo.stats()).held;
    const all = Array.from({ length: 50 }, (_, i) => (i % 2 ? shake(GOOD.replace('13', '8')) : shake(GOOD.replace('Host: x\r\n', ''))));
    await Promise.all(all.map((raw) => raw.untilClosed()));
    await eventually(async () => (await echo.stats()).held === before);
  });
});

describe('rule 9: headers', () => {
  test('8,000 bytes of them are read', async () => {
    const value = 'v'.repeat(200);
    const filler = Array.from({ length: 40 }, (_, i) => `x-filler-${i}: ${'f'.repeat(180)}\r\n`).join('');
    const raw = echo.connect().send(`GET /http/echo ${HEAD}${filler}x-test: ${value}\r\n\r\n`);
    assert((await raw.until((t) => t.includes('127.0.0.1'))).includes(value));
    raw.end();
  });
  test('40,000 bytes of them are refused', async () => {
    const raw = echo.connect().send(`GET /http/echo ${HEAD}x-test: ${'v'.repeat(40000)}\r\n\r\n`);
    await raw.untilClosed();
    await alive();
  });
  test('the request after an upload on the same connection gets its own answer', async () => {
    const body = 'b'.repeat(100000);
    const raw = echo.connect().send(`POST /http/later?ms=30 ${HEAD}Content-Length: ${body.length}\r\n\r\n${body}`);
    await raw.until((t) => t.length > body.length);
    raw.send(`GET /http/echo?q=mine ${HEAD}\r\n`);
    const text = await raw.until((t) => answers(t).length === 2 && t.includes('127.0.0.1'));
    assert.match(text, /GET mine - 127\.0\.0\.1$/);
    raw.end();
  });
  test('the log holds none of them, however a request goes wrong', async () => {
    const secret = 'Authorization: Bearer very-secret-token\r\n';
    for (const line of ['GET /\u0001%zz HTTP/1.1', 'FOO / HTTP/1.1', 'GET / HTTP/1.1\r\nUpgrade: foo', `GET /${'?a&'.repeat(200)} HTTP/1.1`,
      'GET /http/flood HTTP/1.1\r\nUpgrade: websocket']) {
      const raw = echo.connect().send(`${line}\r\n${secret}Host: x\r\nConnection: close\r\n\r\n`);
      await raw.until((t) => t.includes('\r\n\r\n') || raw.closed);
      raw.end();
    }
    assert(!echo.errors.includes('very-secret'), echo.errors);
  });
});

describe('rule 10: static files', () => {
  for (const [name, type] of [['index.html', 'text/html; charset=utf-8'], ['a.mjs', 'text/javascript; charset=utf-8'],
    ['a.js', 'text/javascript; charset=utf-8'], ['a.css', 'text/css; charset=utf-8'], ['a.map', 'application/json'],
    ['a.webmanifest', 'application/manifest+json'], ['a.wasm', 'application/wasm'], ['a.webp', 'image/webp'],
    ['a.unknown', 'application/octet-stream']]) {
    test(`${name} is ${type}`, async () => {
      const response = await fetch(`${echo.url}/${name}`);
      assert.equal(response.status, 200);
      assert.equal(response.headers.get('content-type'), type);
      assert.equal(await response.text(), `content of ${name}`);
    });
  }
  test('/ is index.html', async () => {
    const response = await fetch(`${echo.url}/`);
    assert.equal(await response.text(), 'content of index.html');
    assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8');
  });
  for (const where of ['/../outside.txt', '/%2e%2e/outside.txt', '/assets/../../outside.txt', '/..%2foutside.txt', '/%2e%2e%2foutside.txt',
    '/.secret', '/%2esecret', '/assets/%2e%2e/.secret', '/assets', '/a.mjs/', '/nothing']) {
    test(`${where} is not found`, async () => {
      const raw = echo.connect().send(`GET ${where} ${HEAD}Connection: close\r\n\r\n`);
      const text = await raw.untilClosed();
      assert(!text.includes('outside') && !text.includes('hidden'), text);
      assert.match(text, /^HTTP\/1\.1 40[34]/);
    });
  }
  test('NUL in a path opens nothing', async () => {
    const raw = echo.connect().send(`GET /a.mjs%00.html ${HEAD}Connection: close\r\n\r\n`);
    assert(!(await raw.untilClosed()).includes('content of'));
  });
  test('a tag that is known is answered with 304', async () => {
    const first = await fetch(`${echo.url}/a.css`);
    await first.text();
    assert.equal(first.headers.get('cache-control'), 'no-cache');
    const second = await fetch(`${echo.url}/a.css`, { headers: { 'if-none-match': first.headers.get('etag') } });
    assert.equal(second.status, 304);
    assert.equal(await second.text(), '');
  });
  test('HEAD tells the length and sends nothing', async () => {
    const response = await fetch(`${echo.url}/assets/large.js`, { method: 'HEAD' });
    assert.equal(response.headers.get('content-length'), String(3 * MIB));
    assert.match(response.headers.get('cache-control'), /immutable/);
    assert.equal((await response.arrayBuffer()).byteLength, 0);
  });
  test('a large one arrives whole, twice on one connection, also to a slow reader', async () => {
    const raw = echo.connect();
    raw.socket.pause();
    raw.send(`GET /assets/large.js ${HEAD}\r\nGET /assets/large.js ${HEAD}\r\n`);
    await sleep(200);
    raw.socket.resume();
    const text = await raw.until((t) => t.length > 6 * MIB);
    assert.equal(answers(text).length, 2);
    assert.equal(text.match(/x{1000}/g).length >= 6000, true);
    raw.end();
  });
  test('POST to one is not allowed', async () => {
    assert.equal((await fetch(`${echo.url}/a.css`, { method: 'POST', body: 'x' })).status, 405);
  });
});

describe('rule 11: query parameters', () => {
  for (const [query, value] of [['q=1', '1'], ['qq=2&q=1', '1'], ['x=q=3&q=1', '1'], ['q=a%26b%3Dc', 'a&b=c'], ['q=', ''], ['q', ''],
    ['a&&q=1', '1'], ['q=%C3%BC', 'ü'], ['q=a+b', 'a b'], ['', '-']]) {
    test(`?${query} has q=${value}`, async () => {
      const text = await (await fetch(`${echo.url}/http/echo?${query}`)).text();
      assert.equal(text, `GET ${value} - 127.0.0.1`);
    });
  }
});

describe('rule 12: lengths', () => {
  test('a large answer has a length and keeps the connection', async () => {
    const raw = echo.connect().send(`GET /http/big?bytes=${8 * MIB} ${HEAD}\r\n`);
    await raw.until((t) => t.length > 8 * MIB);
    assert.match(raw.text.slice(0, 500), new RegExp(`Content-Length: ${8 * MIB}\r\n`));
    assert.match(raw.text.slice(0, 500), /Connection: keep-alive/);
    raw.send(`GET /http/echo?q=next ${HEAD}\r\n`);
    await raw.until((t) => t.endsWith('GET next - 127.0.0.1'));
    raw.end();
  });
  test('HTTP/1.0 is answered and closed', async () => {
    const text = await echo.connect().send('GET /http/echo?q=old HTTP/1.0\r\nHost: x\r\n\r\n').untilClosed();
    assert.match(text, /Connection: close/);
    assert.match(text, /GET old/);
  });
});

describe('what was found to work: WebSockets', () => {
  test('many messages for one socket leave in few writes, and arrive whole', async () => {
    const socket = new Socket(`${echo.ws}/http/flood`);
    await socket.opened();
    const before = await echo.stats();
    socket.send('5000 200');
    await eventually(() => socket.arrived.length === 5000);
    const now = await echo.stats();
    assert(socket.arrived.every((message) => message.length === 200));
    assert(now.writes - before.writes < 100, `${now.writes - before.writes} writes`);
    socket.end();
  });
  test('messages of every frame form arrive whole', async () => {
    const socket = new Socket(`${echo.ws}/http/flood`);
    await socket.opened();
    for (const size of [0, 1, 125, 126, 65535, 65536, 900000]) {
      socket.send(`1 ${size}`);
      assert.equal((await socket.next()).length, size);
    }
    socket.end();
  });
  test('a control frame in the middle of a flood tears no message', async () => {
    const socket = new Socket(`${echo.ws}/http/flood`);
    await socket.opened();
    let pongs = 0;
    socket.ws.on('pong', () => { pongs++; });
    for (let i = 0; i < 20; i++) {
      socket.send('20 20000');
      socket.ws.ping(String(i));
    }
    await eventually(() => socket.arrived.length === 400);
    assert(pongs > 0);
    socket.end();
  });
  test('a socket that does not read is closed at its limit, and memory stays bounded', async (t) => {
    const small = await Echo.start('--queue', '1000000', '--slow-ping');
    t.after(() => small.kill());
    const socket = new Socket(`${small.ws}/http/flood`);
    await socket.opened();
    const other = new Socket(`${small.ws}/http/flood`);
    await other.opened();
    socket.ws._socket.pause();
    const before = await small.stats();
    for (let i = 0; i < 50; i++) {
      socket.send('9 100000');
      await small.stats(); // so that each is a turn of its own
    }
    await eventually(async () => (await small.stats()).overflows > 0);
    other.send('1 5');
    assert.equal((await other.next()).length, 5);
    assert((await small.stats()).rss - before.rss < 30000);
    await eventually(async () => (await small.stats()).websockets === 1, 10000);
    socket.end();
    other.end();
    await small.stop();
  });
  test('over TLS too', async () => {
    const socket = new Socket(`${secure.ws}/http/flood`);
    await socket.opened();
    socket.send('200 20000');
    await eventually(() => socket.arrived.length === 200);
    socket.send('x'.repeat(300000));
    await eventually(() => socket.arrived.length === 201);
    assert.equal(socket.arrived[200].length, 300000);
    socket.end();
  });
  test('a server with everything open is taken down without a leak', async (t) => {
    const other = await Echo.start('--cert', cert, '--key', key);
    t.after(() => other.kill());
    const sockets = [new Socket(`${other.ws}/http/flood`), new Socket(`${other.ws}/engine.io/?EIO=4&transport=websocket`)];
    await Promise.all(sockets.map((socket) => socket.opened()));
    const raw = tls.connect({ port: other.port, rejectUnauthorized: false });
    raw.on('error', () => {});
    raw.write(`GET /http/later?ms=100000 ${HEAD}\r\n`);
    const half = tls.connect({ port: other.port, rejectUnauthorized: false });
    half.on('error', () => {});
    half.write(`POST /http/echo ${HEAD}Content-Length: 100\r\n\r\nabc`);
    await sleep(100);
    await other.stop();
    raw.destroy();
    half.destroy();
  });
  test('a certificate that does not load is said plainly', async () => {
    await assert.rejects(Echo.start('--cert', '/nonexistent', '--key', key), /Invalid argument/);
  });
});
