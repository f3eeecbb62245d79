// What a Socket.IO client does, step by step and visibly: for tests on the wire.
import WebSocket from 'ws';

export const SEPARATOR = '\x1e';

// Long-polling by hand.
export class Polling {
  constructor(url, path) {
    this.base = `${url}${path}?EIO=4&transport=polling`;
  }

  static async open(url, path = '/engine.io/') {
    const self = new Polling(url, path);
    self.handshake = await self.get();
    if (self.handshake.status !== 200) throw new Error(`no handshake: ${self.handshake.body}`);
    self.open = JSON.parse(self.handshake.body.slice(1));
    self.sid = self.open.sid;
    self.base += `&sid=${self.sid}`;
    return self;
  }

  async request(options) {
    const response = await fetch(this.base, options);
    return { status: response.status, body: await response.text(), headers: response.headers };
  }

  get(options) { return this.request(options); }

  post(body, headers = { 'content-type': 'text/plain;charset=UTF-8' }) {
    return this.request({ method: 'POST', body, headers });
  }

  // Packets of as many GETs as it takes until `count` came; answers pings.
  async packets(count) {
    const all = [];
    while (all.length < count) {
      const { status, body } = await this.get();
      if (status !== 200) throw new Error(`GET: ${status} ${body}`);
      for (const packet of body.split(SEPARATOR)) {
        if (packet === '2') await this.post('3');
        else all.push(packet);
      }
    }
    return all;
  }
}

// A WebSocket whose messages wait until asked for.
export class Socket {
  constructor(url, options) {
    this.ws = new WebSocket(url, { perMessageDeflate: false, rejectUnauthorized: false, ...options });
    this.ws.binaryType = 'nodebuffer';
    this.arrived = [];
    this.ws.on('message', (data, binary) => {
      this.arrived.push(binary ? data : data.toString());
      this.wake?.();
    });
    this.ws.on('unexpected-response', (request, response) => {
      this.refused = { status: response.statusCode, headers: response.headers, body: '' };
      response.on('data', (data) => { this.refused.body += data; });
      response.on('end', () => { this.closed = true; this.wake?.(); request.destroy(); });
    });
    this.ws.on('close', (code) => { this.closed = true; this.code = code; this.wake?.(); });
    this.ws.on('error', () => {});
  }

  static async open(url, path = '/engine.io/', query = '') {
    const self = new Socket(`${url}${path}?EIO=4&transport=websocket${query}`);
    if (query) { await self.opened(); return self; }
    self.open = JSON.parse((await self.next()).slice(1));
    return self;
  }

  opened() {
    return new Promise((resolve, reject) => {
      this.ws.on('open', resolve);
      this.ws.on('close', () => reject(new Error('closed')));
    });
  }

  send(data) { this.ws.send(data); return this; }

  async wait(ready, ms) {
    const deadline = Date.now() + ms;
    while (!ready()) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error('waited in vain');
      await new Promise((resolve) => { this.wake = resolve; setTimeout(resolve, left); });
    }
  }

  // The next message; throws when the connection closes first.
  async next(ms = 3000) {
    await this.wait(() => this.arrived.length || this.closed, ms);
    if (!this.arrived.length) throw new Error('closed');
    return this.arrived.shift();
  }

  // The next one that is no ping, all of which are answered.
  async message(ms = 3000) {
    for (;;) {
      const data = await this.next(ms);
      if (data !== '2') return data;
      this.send('3');
    }
  }

  // Milliseconds until it was closed; messages are dropped.
  async untilClosed(ms = 3000) {
    const from = performance.now();
    await this.wait(() => this.closed, ms);
    return performance.now() - from;
  }

  end() { this.ws.terminate(); }
}
