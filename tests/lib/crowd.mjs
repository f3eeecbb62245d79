// A crowd of unmodified socket.io clients that talk, repeat themselves and come back after every fault; each keeps its
// own history. Afterwards the histories are compared with each other and with the store.
import { io } from 'socket.io-client';
import { setTimeout as pause } from 'node:timers/promises';
import { patience, until } from './pipeline.mjs';
import { conversation, log } from './rest.mjs';

/** A small seeded generator (mulberry32), so that a run can be repeated. */
export function random(seed) {
    let a = seed >>> 0;
    return () => {
        a = (a + 0x6d2b79f5) >>> 0;
        let t = a;
        t = Math.imul(t ^ (t >>> 15), t | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

class Member {
    constructor(crowd, user, edge) {
        this.crowd = crowd;
        this.user = user;
        this.edge = edge;
        this.seen = new Map(); // conversation → events, in the order and number in which they counted
        this.unanswered = new Map(); // clientId → send, in order
        this.answered = 0;
        this.sent = 0;
        this.wrong = [];
        this.connects = 0;
    }

    connect() {
        this.socket = io(this.crowd.urls[this.edge], {
            auth: { token: this.user.token }, forceNew: true, reconnectionDelay: 100, reconnectionDelayMax: 500, timeout: 5000 * patience,
        });
        this.socket.on('connect', () => this.onConnect());
        this.socket.on('event', (event) => this.onEvent(event));
        this.socket.on('resync', () => this.onConnect()); // too slow for a moment: the same again
        this.socket.on('disconnect', (reason) => { if (reason === 'io server disconnect') this.wrong.push(`told to go: ${reason}`); });
        this.socket.on('connect_error', (error) => { if (error.data) this.wrong.push(`refused: ${error.message}`); });
        return this;
    }

    /** What came before the answer to sync is kept apart: it may lie beyond a hole that sync fills. */
    async onConnect() {
        const turn = ++this.connects;
        this.early = [];
        this.onConnection = new Map(); // conversation → last number on this connection
        try {
            await this.sync(turn);
        } catch {
            if (turn === this.connects && this.socket.connected) this.socket.io.engine.close(); // come back
            return;
        }
        if (turn !== this.connects) return;
        const early = this.early;
        this.early = undefined;
        for (const event of early) this.take(event, true);
        for (const send of this.unanswered.values()) this.emit(send, true);
    }

    async sync(turn) {
        for (let more = true; more && turn === this.connects;) {
            const cursors = Object.fromEntries([...this.seen].map(([id, events]) => [id, events.length]));
            const answer = await this.socket.timeout(10000 * patience).emitWithAck('sync', { cursors });
            if (!answer.ok) throw new Error(JSON.stringify(answer.error));
            for (const page of Object.values(answer.conversations)) for (const event of page.events) this.take(event, true);
            more = answer.more;
        }
    }

    onEvent(event) {
        const last = this.onConnection.get(event.conversationId) ?? 0;
        if (event.seq <= last) this.wrong.push(`back on one connection: ${event.conversationId} ${last} → ${event.seq}`);
        this.onConnection.set(event.conversationId, event.seq);
        if (this.early) this.early.push(event);
        else this.take(event, false);
    }

    take(event, overlapAllowed) {
        const events = this.seen.get(event.conversationId) ?? [];
        this.seen.set(event.conversationId, events);
        if (event.seq === events.length + 1) events.push(event);
        else if (event.seq > events.length + 1) this.wrong.push(`skipped: ${event.conversationId} ${events.length} → ${event.seq}`);
        else if (JSON.stringify(events[event.seq - 1]) !== JSON.stringify(event)) this.wrong.push(`differs: ${JSON.stringify(event)}`);
        else if (!overlapAllowed) this.crowd.counts.overlaps++;
    }

    send(conversationId, number) {
        const text = `${this.user.username}:${number}`;
        const send = { conversationId, clientId: `m-${number}`, text, number, tries: 0 };
        this.unanswered.set(send.clientId, send);
        if (this.socket.connected && !this.early) this.emit(send, false);
        return send;
    }

    emit(send, again) {
        if (again && send.tries > 0) this.crowd.counts.resends++;
        send.tries++;
        const { conversationId, clientId, text } = send;
        this.socket.timeout(15000 * patience).emit('message:send', { conversationId, clientId, text }, (error, answer) => this.onAnswer(send, error, answer));
    }

    onAnswer(send, error, answer) {
        if (!this.unanswered.has(send.clientId)) return;
        if (error) { // no answer: the connection went (then everything is sent again) or nothing came in time
            if (this.socket.connected && !this.early) this.emit(send, true);
            return;
        }
        if (answer.ok) {
            send.seq = answer.message.seq;
            send.order = this.answered++;
            if (answer.message.text !== send.text) this.wrong.push(`answer differs: ${JSON.stringify(answer)}`);
            if (answer.duplicate) this.crowd.counts.duplicates++;
            this.unanswered.delete(send.clientId);
            this.crowd.done(send, this);
        } else if (answer.error.code === 'unavailable' || answer.error.code === 'rate_limited') {
            this.crowd.counts.unavailable++;
            setTimeout(() => { if (this.unanswered.has(send.clientId) && this.socket.connected && !this.early) this.emit(send, true); }, answer.error.retryAfterMs ?? 100);
        } else {
            this.wrong.push(`refused: ${JSON.stringify(answer)}`);
            this.unanswered.delete(send.clientId);
        }
    }
}

export class Crowd {
    /** people, rooms of size members each, window: sends under way per person, repeat: every so manieth on the other edge too. */
    constructor(pipeline, { people = 50, rooms = 200, size = 5, messages = 1000, window = 8, repeat = 10, seed = 1 } = {}) {
        Object.assign(this, { pipeline, urls: pipeline.urls, people, rooms, size, messages, window, repeat });
        this.random = random(seed);
        this.counts = { acknowledged: 0, repeats: 0, repeatsAnswered: 0, resends: 0, duplicates: 0, unavailable: 0, overlaps: 0, voids: 0 };
        this.sends = [];
    }

    async assemble() {
        const users = await this.pipeline.users(this.people);
        this.members = users.map((user, i) => new Member(this, user, i % this.urls.length));
        this.conversations = [];
        for (let i = 0; i < this.rooms; i++) {
            const first = i % this.people;
            const who = new Set([first]);
            while (who.size < this.size) who.add(Math.floor(this.random() * this.people));
            const members = [...who].map((at) => this.members[at]);
            const made = await conversation(this.urls[i % this.urls.length], members[0].user.token, members.slice(1).map((m) => m.user.id), { title: `room ${i}`, clientId: `room-${i}` });
            this.conversations.push({ id: made.id, members });
        }
        for (const member of this.members) member.rooms = this.conversations.filter((c) => c.members.includes(member)).map((c) => c.id);
        for (const member of this.members) member.connect();
        await until('everybody is connected and synced', () => this.members.every((m) => m.connects > 0 && m.early === undefined), 60000);
        // The second devices, on the other edge, through which sends are repeated.
        for (const member of this.members) {
            member.other = io(this.urls[(member.edge + 1) % this.urls.length], { auth: { token: member.user.token }, forceNew: true, transports: ['websocket'] });
            member.other.on('connect_error', (error) => { if (error.data) member.wrong.push(`refused: ${error.message}`); });
        }
        await until('the second devices are connected', () => this.members.every((m) => m.other.connected), 60000);
    }

    done(send, member) {
        this.counts.acknowledged++;
        member.next?.();
    }

    /** Whichever came second got the first one's answer. */
    onRepeat(member, send, answer) {
        if (!answer.ok) return; // unavailable: nobody asks again
        this.counts.repeatsAnswered++;
        if (answer.duplicate) this.counts.duplicates++;
        send.repeatSeq = answer.message.seq;
        if (answer.message.text !== send.text) member.wrong.push(`a repeat was answered with ${JSON.stringify(answer)}`);
    }

    /** Everybody sends their share, a few under way at a time, more while goOn() says so, until all is acknowledged. */
    async talk(goOn = () => false) {
        const share = Math.ceil(this.messages / this.people);
        await Promise.all(this.members.map(async (member) => {
            for (let n = 1; n <= share || goOn(); n++) {
                while (member.unanswered.size >= this.window) await new Promise((resolve) => { member.next = resolve; });
                const room = member.rooms[Math.floor(this.random() * member.rooms.length)];
                const send = member.send(room, ++member.sent);
                this.sends.push({ member, send });
                if (n % this.repeat === 0) {
                    send.repeated = true;
                    this.counts.repeats++;
                    if (member.other.connected) member.other.emit('message:send', { conversationId: room, clientId: send.clientId, text: send.text }, (answer) => this.onRepeat(member, send, answer));
                }
            }
        }));
        await until('everything is acknowledged', () => this.members.every((m) => m.unanswered.size === 0), 120000);
    }

    /** Numbers 1…n without holes, once each, in order, the same for everybody; every acknowledged send at its number. */
    async check() {
        const problems = [];
        for (const { id, members } of this.conversations) {
            const read = () => log(this.urls[0], members[0].user.token, id).catch((error) => { if (!/: 503 /.test(error.message)) throw error; });
            const events = await until('the log is read', read);
            events.forEach((event, i) => { if (event.seq !== i + 1) problems.push(`hole: ${id} ${i + 1}`); });
            this.counts.voids += events.filter((event) => event.kind === 'void').length;
            const texts = events.filter((event) => event.kind === 'message.created').map((event) => event.message.text);
            if (new Set(texts).size !== texts.length) problems.push(`doubled in ${id}`);
            for (const member of members) {
                await until(`${member.user.username} has all ${events.length} events of ${id}`, () => (member.seen.get(id)?.length ?? 0) >= events.length, 20000)
                    .catch((error) => problems.push(`${error.message}: has ${member.seen.get(id)?.length}`));
                const seen = member.seen.get(id) ?? [];
                seen.forEach((event, i) => { if (JSON.stringify(event) !== JSON.stringify(events[i])) problems.push(`${member.user.username} saw another ${id} ${i + 1}`); });
            }
            for (const { member, send } of this.sends) {
                if (send.conversationId !== id) continue;
                const at = events[send.seq - 1];
                if (send.repeatSeq && send.repeatSeq !== send.seq) problems.push(`doubled: ${send.text} at ${id} ${send.seq} and ${send.repeatSeq}`);
                if (at?.message?.text !== send.text || at.actorId !== member.user.id) problems.push(`lost: ${send.text} at ${id} ${send.seq}`);
            }
        }
        problems.push(...this.reordered());
        for (const member of this.members) problems.push(...member.wrong.map((what) => `${member.user.username}: ${what}`));
        return problems;
    }

    /** What one socket sent into one conversation keeps its order; repeats went by another socket too and may overtake. */
    reordered() {
        const last = new Map();
        const problems = [];
        for (const { member, send } of this.sends) {
            if (send.repeated) continue;
            const key = `${member.user.username} ${send.conversationId}`;
            const before = last.get(key);
            if (before && before.seq > send.seq) problems.push(`reordered: ${key} ${before.text}@${before.seq} ${send.text}@${send.seq}`);
            last.set(key, send);
        }
        return problems;
    }

    leave() {
        for (const member of this.members ?? []) {
            member.socket?.close();
            member.other?.close();
        }
    }
}

/** Kills every named daemon `times` times, one after the other; gives what was killed and with how much unanswered. */
export async function killAll(crowd, names, times) {
    const kills = [];
    for (let round = 0; round < times; round++)
        for (const name of names) {
            await pause(100 + crowd.random() * 500);
            const unanswered = crowd.members.reduce((sum, m) => sum + m.unanswered.size, 0);
            await until(`${name} is there to be killed`, () => crowd.pipeline.signal(name));
            kills.push({ name, unanswered });
        }
    return kills;
}
