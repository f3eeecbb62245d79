// A device: an unmodified socket.io client that keeps what it has sent until it is answered, comes back after every
// fault, on this edge or another one, and keeps its history in a Reader. And the same in REST.
import { io } from 'socket.io-client';
import { setTimeout as pause } from 'node:timers/promises';
import { patience } from '../../lib/pipeline.mjs';

const ANSWER_MS = 15000; // longer than an edge waits: it says itself that it does not know
const MOVE_MS = 3000; // without a connection: on to the next edge

let connections = 0;

export class Device {
    /** world: {urls, random, counts, stopped}. transports: of the socket. */
    constructor(world, user, reader, { edge, transports }) {
        Object.assign(this, { world, user, reader, edge, transports, unanswered: new Set(), wrong: [], ready: false, connects: 0 });
    }

    connect() {
        this.close();
        this.socket = io(this.world.urls[this.edge], {
            auth: { token: this.user.token }, forceNew: true, transports: this.transports,
            reconnectionDelay: 50, reconnectionDelayMax: 500, timeout: 5000 * patience,
        });
        this.socket.on('connect', () => this.onConnect());
        this.socket.on('event', (event) => this.reader.live(event));
        this.socket.on('resync', (what) => this.onResync(what));
        this.socket.on('disconnect', () => this.onLost());
        this.socket.on('connect_error', (error) => {
            if (error.data) this.wrong.push(`refused: ${error.message} ${JSON.stringify(error.data)}`);
        });
        this.mover = setTimeout(() => this.move(), MOVE_MS * patience * (1 + this.world.random()));
    }

    close() {
        clearTimeout(this.mover);
        this.ready = false;
        this.socket?.off();
        this.socket?.close();
    }

    /** Half of them wait for their edge, as the client does by itself; the others go elsewhere. */
    onLost() {
        this.ready = false;
        clearTimeout(this.mover);
        if (this.world.stopped) return;
        this.world.counts.disconnects++;
        this.mover = setTimeout(() => this.move(), this.world.random() < 0.5 ? 0 : MOVE_MS * patience * (1 + this.world.random()));
    }

    move() {
        if (this.world.stopped || this.socket.connected) return;
        this.edge = Math.floor(this.world.random() * this.world.urls.length);
        this.connect();
    }

    async onConnect() {
        const turn = ++this.connects;
        clearTimeout(this.mover);
        if (turn > 1) this.world.counts.reconnects++;
        this.connection = ++connections;
        this.position = 0;
        this.reader.connected();
        if (!(await this.catchUp(turn))) return;
        this.ready = true;
        for (const attempt of this.unanswered) this.emit(attempt);
    }

    /** sync until there is no more; false: the connection is another one by now, or is given up. */
    async catchUp(turn) {
        const current = () => turn === this.connects && this.socket.connected;
        for (let failures = 0; current();) {
            this.dropped = false;
            const answer = await this.socket.timeout(ANSWER_MS * patience).emitWithAck('sync', { cursors: this.reader.cursors() }).catch(() => undefined);
            if (!current()) return false;
            if (!answer?.ok) {
                this.world.counts.syncsRefused++;
                if (answer && !['unavailable', 'rate_limited'].includes(answer.error.code)) this.wrong.push(`sync: ${JSON.stringify(answer)}`);
                if (++failures > 3) {
                    this.socket.io.engine.close(); // it comes back
                    return false;
                }
                await pause(answer?.error.retryAfterMs ?? 100);
                continue;
            }
            for (const [id, page] of Object.entries(answer.conversations)) this.reader.page(id, page.events);
            if (answer.more || this.dropped) continue;
            this.reader.synced();
            return true;
        }
        return false;
    }

    onResync({ conversations }) {
        this.world.counts.resyncs++;
        this.reader.resync(conversations);
        this.dropped = true;
        if (this.ready && !this.catchingUp) {
            this.catchingUp = true;
            this.catchUp(this.connects).finally(() => { this.catchingUp = false; });
        }
    }

    /** Sends it, and again after every fault, until it is answered: attempt.done is called then. */
    send(attempt) {
        this.unanswered.add(attempt);
        if (this.ready) this.emit(attempt);
    }

    emit(attempt, call = attempt.mutation.call) {
        const one = { on: this.connection, at: this.position++, outcome: 'none' };
        if (attempt.tries.length > 0 && this.unanswered.has(attempt)) this.world.counts.resends++;
        attempt.tries.push(one);
        this.socket.timeout(ANSWER_MS * patience).emit(call.name, call.body(attempt), (error, answer) => this.onAnswer(attempt, one, error, answer));
    }

    onAnswer(attempt, one, error, answer) {
        if (!error) settle(this.world, attempt, one, answer.ok ? { seq: answer.message?.seq, text: answer.message?.text, again: answer.duplicate } : answer);
        if (!this.unanswered.has(attempt)) return;
        if (one.outcome === 'ok' || one.outcome === 'refused') {
            this.unanswered.delete(attempt);
            attempt.done?.();
        } else if (error) {
            if (this.ready && this.connection === one.on) this.emit(attempt);
        } else {
            setTimeout(() => { if (this.ready && this.connection === one.on && this.unanswered.has(attempt)) this.emit(attempt); }, answer.error.retryAfterMs ?? 100);
        }
    }

    /** Stops reading from the socket as a device does that is out of reach; gives what makes it read again. */
    stall() {
        const { ws } = this.socket.io.engine?.transport ?? {};
        ws?.pause();
        return () => ws?.resume();
    }
}

/** Writes an answer down: ok, refused for good, or to be asked again. */
export function settle(world, attempt, one, answer) {
    if (!answer.error) {
        one.outcome = 'ok';
        attempt.answers.push({ seq: answer.seq, text: answer.text });
        if (attempt.answers.length === 1) world.accepted(attempt);
        if (answer.again) world.counts.duplicates++;
    } else if (answer.error.code === 'unavailable' || answer.error.code === 'rate_limited') {
        one.outcome = 'busy';
        world.counts.unavailable++;
    } else {
        one.outcome = 'refused';
        attempt.refused = answer.error.code;
        world.counts.refused++;
    }
}

/** One try over HTTP; gives whether it is settled. */
async function tryOnce(world, user, attempt, call, once) {
    const one = { on: `rest ${++connections}`, outcome: 'none' };
    const url = world.urls[Math.floor(world.random() * world.urls.length)];
    const body = call.body?.(attempt);
    if (attempt.tries.length > 0 && !once) world.counts.resends++;
    attempt.tries.push(one);
    const response = await fetch(url + call.path(attempt), {
        method: call.method,
        headers: { authorization: `Bearer ${user.token}`, ...(body ? { 'content-type': 'application/json' } : {}), ...(attempt.text === undefined ? { 'idempotency-key': attempt.clientId } : {}) },
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(ANSWER_MS * patience),
    });
    const text = await response.text();
    const answer = text ? JSON.parse(text) : {};
    settle(world, attempt, one, response.ok ? { seq: answer.message?.seq, text: answer.message?.text, again: response.status === 200 && answer.message } : answer);
    return one.outcome !== 'busy';
}

/** A request over HTTP, again and on any edge until it is answered. once: one try, whatever comes of it. */
export async function ask(world, user, attempt, call = attempt.mutation.call, once = false) {
    for (let settled = false; !settled && !world.stopped;) {
        settled = await tryOnce(world, user, attempt, call, once).catch(() => false);
        if (once) break;
        if (!settled) await pause(50 + 200 * world.random());
    }
    if (!once) attempt.done?.();
}
