// Starts parley-sio-echo (from PARLEY_BIN) on a port of its own, and ends it: it must end well.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const program = path.join(path.resolve(root, process.env.PARLEY_BIN ?? 'build/dev/bin'), 'parley-sio-echo');

export class Echo {
  static async start(...flags) {
    const self = new Echo();
    self.process = spawn(program, ['--port', '0', ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    self.errors = '';
    self.process.stderr.on('data', (text) => { self.errors += text; });
    self.ended = once(self.process, 'exit');
    const [line] = await Promise.race([
      once(readline.createInterface({ input: self.process.stdout }), 'line'),
      self.ended.then(() => { throw new Error(`parley-sio-echo did not start: ${self.errors}`); }),
    ]);
    self.port = Number(line.split(' ')[1]);
    self.tls = flags.includes('--cert');
    self.url = `${self.tls ? 'https' : 'http'}://127.0.0.1:${self.port}`;
    self.ws = `${self.tls ? 'wss' : 'ws'}://127.0.0.1:${self.port}`;
    return self;
  }

  // Throws when it crashed, leaked or left something open.
  async stop() {
    this.process.kill('SIGTERM');
    const [code, signal] = await this.ended;
    if (code !== 0) throw new Error(`parley-sio-echo ended with ${signal ?? code}: ${this.errors}`);
  }

  // For after a test that failed before it came to stop().
  kill() {
    this.process.kill('SIGKILL');
  }

  async stats() {
    return (await fetch(`${this.url}/http/stats`)).json();
  }

  // A raw connection: send text, read all until it closes or until `enough(text)`.
  connect() {
    return new Raw(this.port);
  }
}

export class Raw {
  constructor(port) {
    this.socket = net.connect(port, '127.0.0.1');
    this.text = '';
    this.closed = false;
    this.socket.setNoDelay(true);
    this.socket.on('data', (data) => { this.text += data.toString('latin1'); this.wake?.(); });
    this.socket.on('close', () => { this.closed = true; this.wake?.(); });
    this.socket.on('error', () => {});
  }

  send(data) {
    this.socket.write(data);
    return this;
  }

  // Resolves to what came so far, as soon as enough(text) or when it closed.
  async until(enough, ms = 5000) {
    const deadline = Date.now() + ms;
    while (!this.closed && !enough(this.text)) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`waited in vain; got ${JSON.stringify(this.text.slice(0, 500))}`);
      await new Promise((resolve) => { this.wake = resolve; setTimeout(resolve, left); });
    }
    return this.text;
  }

  async untilClosed(ms = 5000) {
    return this.until(() => this.closed, ms);
  }

  end() {
    this.socket.destroy();
  }
}

export const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// Polls until check() is truthy, and returns it.
export async function eventually(check, ms = 5000) {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > deadline) throw new Error('it did not happen in time');
    await sleep(10);
  }
}
