// People, their devices and their rooms: everybody does what the table of mutations says, as fast as it is answered.
import { setTimeout as pause } from 'node:timers/promises';
import { patience, until } from '../../lib/pipeline.mjs';
import { conversation, log } from '../../lib/rest.mjs';
import { random } from '../../lib/crowd.mjs';
import { ask, Device } from './client.mjs';
import { Book, compare, incomplete, Reader } from './history.mjs';
import { mutations } from './mutations.mjs';

const TRANSPORTS = [['websocket'], ['websocket'], ['polling', 'websocket'], ['polling']];
const LATE = 100; // events after which a repeat comes "after a long time": more than a router remembers
const CHANGES_MOST = 100; // of one membership: the store keeps 64 intervals of it
const SETTLE_MS = 120000;
const COMPLETE_MS = 20000;

const sumUp = () => ({
    messages: 0, acknowledged: 0, changes: 0, resends: 0, repeats: 0, duplicates: 0, unavailable: 0, refused: 0,
    disconnects: 0, reconnects: 0, syncsRefused: 0, resyncs: 0, events: 0, voids: 0, stillest: 0,
});

export class World {
    constructor(pipeline, { people = 24, rooms = 24, stable = 4, guests = 3, window = 6, seed = 1 } = {}) {
        Object.assign(this, { pipeline, urls: pipeline.urls, size: { people, rooms, stable, guests, window } });
        this.random = random(seed);
        this.counts = sumUp();
        this.book = new Book();
        this.names = 0;
        this.lastAccepted = undefined;
        this.shares = Object.values(mutations).reduce((sum, row) => sum + row.share, 0);
    }

    pick(list) {
        return list[Math.floor(this.random() * list.length)];
    }

    /** A settled attempt: the clock of the longest silence goes on. */
    accepted(attempt) {
        const now = Date.now();
        if (this.lastAccepted) this.counts.stillest = Math.max(this.counts.stillest, now - this.lastAccepted);
        this.lastAccepted = now;
        this.counts.acknowledged++;
        if (attempt.event === 'message.created') this.counts.messages++;
        else this.counts.changes++;
    }

    async assemble() {
        const users = await this.pipeline.users(this.size.people, 'person');
        this.people = users.map((user, i) => ({ user, rooms: [], devices: [0, 1].map((n) => this.device(user, i, n)) }));
        this.rooms = [];
        for (let i = 0; i < this.size.rooms; i++) this.rooms.push(await this.room(i));
        for (const device of this.devices()) device.connect();
        await until('everybody is connected and synced', () => this.devices().every((device) => device.ready), 60000);
    }

    device(user, i, n) {
        const reader = new Reader(this.book, user.id, `${user.username}.${n + 1}`);
        return new Device(this, user, reader, { edge: (i + n) % this.urls.length, transports: TRANSPORTS[(i + 3 * n) % TRANSPORTS.length] });
    }

    devices() {
        return this.people.flatMap((person) => person.devices);
    }

    /** An owner and others who stay; guests come and go. */
    async room(i) {
        const { stable, guests } = this.size;
        const chosen = new Set([this.people[i % this.people.length]]);
        while (chosen.size < stable + guests) chosen.add(this.pick(this.people));
        const [owner, ...others] = chosen;
        const staying = others.slice(0, stable - 1);
        const make = () => conversation(this.urls[i % this.urls.length], owner.user.token, staying.map((one) => one.user.id), { title: `room ${i}`, clientId: `room-${i}` });
        const made = await until(`room ${i} is made`, () => make().catch(() => undefined)); // a wrong store may forget it
        const room = { id: made.id, owner, attempts: [], sent: [], guests: [] };
        for (const person of [owner, ...staying]) person.rooms.push(room);
        for (const person of others.slice(stable - 1)) {
            room.guests.push({ person, room, inside: false, busy: false, entered: 0, left: 0 });
            person.rooms.push(room);
            for (const device of person.devices) device.reader.follow(room.id);
        }
        return room;
    }

    /** Until stop is true. */
    async talk(stop) {
        this.lastAccepted = Date.now();
        const loops = this.people.map(async (person) => {
            const free = { slots: this.size.window, wake: undefined };
            while (!stop()) {
                if (free.slots === 0) {
                    await new Promise((resolve) => { free.wake = resolve; });
                    continue;
                }
                free.slots--;
                this.act(person, () => { free.slots++; free.wake?.(); });
                if (free.slots > 0 && this.random() < 0.5) await pause(1); // not all at once
            }
        });
        await Promise.all(loops);
    }

    /** One thing that this person does; done() when it is settled. */
    act(person, done) {
        let at = this.random() * this.shares;
        let row;
        for (row of Object.values(mutations)) if ((at -= row.share) < 0) break;
        if (row.enters !== undefined || row.who === 'owner') {
            if (this.change(person, row, done)) return;
            row = mutations.send; // there is nobody to come or go just now
        }
        const room = this.mine(person);
        if (row.again === 'late') return void this.repeatLate(person, room, row, done);
        const attempt = this.attempt(row, person, room, { text: undefined }, done);
        attempt.text = `${attempt.clientId} ${'x'.repeat(Math.floor(this.random() * 100))}`;
        if (row.call.by === 'rest') ask(this, person.user, attempt);
        else this.deviceOf(person, attempt).send(attempt);
        if (row.again) this.repeat(person, attempt, row);
    }

    /** A room that the person is in; seldom one that it was in, or will be. */
    mine(person) {
        for (let tries = 0; ; tries++) {
            const room = this.pick(person.rooms);
            const guest = room.guests.find((one) => one.person === person);
            if (!guest || guest.inside || tries > 3) return room;
        }
    }

    deviceOf(person, attempt) {
        return person.devices[attempt.clientId.charCodeAt(attempt.clientId.length - 1) % 8 === 0 ? 1 : 0];
    }

    attempt(row, person, room, more, done) {
        const clientId = `m-${++this.names}`;
        const attempt = { mutation: row, event: row.event, actor: person.user.id, conversationId: room.id, clientId, mark: clientId, tries: [], answers: [], ...more };
        attempt.done = () => {
            if (attempt.answers.length && attempt.text !== undefined) room.sent.push(attempt);
            attempt.done = undefined;
            done();
        };
        room.attempts.push(attempt);
        return attempt;
    }

    repeat(person, attempt, row) {
        this.counts.repeats++;
        if (row.again === 'by REST') ask(this, person.user, attempt, row.repeat, true);
        else {
            const other = person.devices.find((device) => device !== this.deviceOf(person, attempt));
            if (other.ready) other.emit(attempt);
        }
    }

    repeatLate(person, room, row, done) {
        const old = room.sent.findIndex((attempt) => attempt.actor === person.user.id);
        if (old < 0 || room.sent.length - old < LATE) return void setTimeout(done, 1);
        const attempt = room.sent[Math.floor(old + this.random() * (room.sent.length - LATE - old))];
        if (attempt.actor !== person.user.id) return void setTimeout(done, 1);
        this.counts.repeats++;
        const device = this.pick(person.devices);
        if (device.ready) device.emit(attempt, row.call);
        return void setTimeout(done, 1);
    }

    /** A change of title or membership; false: there is none to be made just now. */
    change(person, row, done) {
        const room = this.pick(person.rooms.filter((one) => (row.who === 'owner' ? one.owner === person : one.owner !== person)).concat(undefined));
        if (!room) return false;
        if (row.enters === undefined) {
            const attempt = this.attempt(row, person, room, {}, done);
            attempt.mark = `title ${attempt.clientId}`;
            ask(this, person.user, attempt);
            return true;
        }
        const guest = room.guests.find((one) => !one.busy && one.inside !== row.enters && (row.who !== 'guest' || one.person === person) && one.entered < CHANGES_MOST / 2);
        if (!guest) return false;
        guest.busy = true;
        const nth = row.enters ? ++guest.entered : ++guest.left;
        const target = guest.person.user.id;
        const attempt = this.attempt(row, person, room, { target, mark: `${target} ${nth}` }, () => {
            guest.inside = row.enters;
            guest.busy = false;
            done();
        });
        ask(this, person.user, attempt);
        return true;
    }

    unsettled() {
        return this.rooms.reduce((sum, room) => sum + room.attempts.filter((attempt) => attempt.done).length, 0);
    }

    settled() {
        return until('everything is answered', () => this.unsettled() === 0, SETTLE_MS);
    }

    /** Reads all logs once more, waits until every device has its share, and compares. */
    async check() {
        const findings = [];
        const readers = this.devices().map((device) => device.reader);
        const logs = [];
        for (const room of this.rooms) logs.push({ id: room.id, log: await this.log(room), readers });
        await until('all have all', () => logs.every((one) => incomplete(one).length === 0), COMPLETE_MS).catch(() => {});
        for (const [i, one] of logs.entries()) {
            this.counts.voids += one.log.filter((event) => event.kind === 'void').length;
            findings.push(...compare({ ...one, attempts: this.rooms[i].attempts, book: this.book }));
        }
        for (const device of this.devices()) {
            this.counts.events += device.reader.events;
            findings.push(...device.wrong.map((what) => ({ kind: 'lost', what: `${device.reader.name} ${what}` })));
        }
        return findings;
    }

    /** What a store that forgot the conversation has of it is nothing. */
    async log(room) {
        for (let tries = 0; ; tries++) {
            try {
                return await log(this.pick(this.urls), room.owner.user.token, room.id);
            } catch (error) {
                if (tries > 5 && error.message.includes('not_found')) return [];
                if (tries > 50 * patience) throw error;
                await pause(200);
            }
        }
    }

    close() {
        this.stopped = true;
        for (const device of this.people ? this.devices() : []) device.close();
    }
}
