// The socket: connected with a valid token, kept connected, and asked questions. socket.io-client comes back by itself
// from a lost transport, but not from a refusal or a disconnection by the server: then a new token is due.
import { io, type Socket } from 'socket.io-client';
import { Emitter } from './emitter.js';
import { ParleyError, networkError } from './errors.js';
import type { Ack, LogEvent } from './protocol.js';
import { retryDelayMs, sleep } from './retry.js';
import type { Session } from './session.js';

const ACK_TIMEOUT_MS = 15_000; // longer than the server's own deadline, so that its `unavailable` is heard
const STEADY_MS = 10_000;

interface LinkEvents {
  connected: undefined;
  disconnected: undefined;
  event: LogEvent;
  resync: undefined;
}

export class Link extends Emitter<LinkEvents> {
  private readonly socket: Socket;
  private wanted = false;
  private token = '';
  private refusals = 0;
  private connectedAt = 0;

  constructor(
    url: string,
    private readonly session: Session,
  ) {
    super();
    const options = {
      autoConnect: false,
      auth: (give: (data: object) => void) => void this.present(give),
    };

    this.socket = url ? io(url, options) : io(options);
    this.socket.on('connect', () => this.onConnect());
    this.socket.on('disconnect', (reason) => this.onDisconnect(reason));
    this.socket.on('connect_error', () => this.socket.active || void this.comeBack());
    this.socket.on('auth:expiring', () => void this.presentNew());
    this.socket.on('event', (event: LogEvent) => this.emit('event', event));
    this.socket.on('resync', () => this.emit('resync', undefined));
  }

  get isConnected(): boolean {
    return this.socket.connected;
  }

  open(): void {
    this.wanted = true;
    this.socket.connect();
  }

  close(): void {
    this.wanted = false;
    this.refusals = 0;
    this.socket.disconnect();
  }

  /** Rejects with the server's error, or with `network` when there is no answer in time: the outcome is unknown. */
  async ask<T>(event: string, argument: object): Promise<T> {
    if (!this.socket.connected) throw networkError('There is no connection.');
    const ack = await this.socket
      .timeout(ACK_TIMEOUT_MS)
      .emitWithAck(event, argument)
      .then(
        (answer) => answer as Ack<T>,
        () => Promise.reject(networkError('No answer came in time.')),
      );

    if (!ack.ok) throw new ParleyError(ack.error);
    return ack;
  }

  /** Every CONNECT asks for the token anew. Without one the old is shown: its refusal leads to `comeBack`. */
  private async present(give: (data: object) => void): Promise<void> {
    this.token = await this.session.token().catch(() => this.token);
    give({ token: this.token });
  }

  private async presentNew(): Promise<void> {
    try {
      this.token = await this.session.renew(this.token);
      await this.ask('auth:refresh', { token: this.token });
    } catch {
      // The server disconnects when the old token ends, and `comeBack` goes on from there.
    }
  }

  private onConnect(): void {
    this.connectedAt = Date.now();
    this.emit('connected', undefined);
  }

  private onDisconnect(reason: string): void {
    if (Date.now() - this.connectedAt > STEADY_MS) this.refusals = 0;
    this.emit('disconnected', undefined);
    if (reason === 'io server disconnect') void this.comeBack();
  }

  private async comeBack(): Promise<void> {
    if (!this.wanted) return;
    this.refusals++;
    if (this.refusals > 1) await sleep(retryDelayMs(null, this.refusals - 1));
    await this.session.renew(this.token).catch(() => undefined); // a session that is over closes this link
    if (this.wanted) this.socket.connect();
  }
}
