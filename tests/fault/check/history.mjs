// What every device saw and what was asked for, held against the log of the store. Pure: no network, no clock.
//
// The seven ways in which a promise can be broken:
//   lost       acknowledged, but not in the log; or refused to one who was a member all the time
//   doubled    one request (conversation, sender, clientId) with two numbers
//   reordered  a number that went back on one connection, or two sends of one socket that changed places
//   holes      a number that the log lacks, that a device never got, or that was passed over without a `resync`
//   phantom    delivered or stored, though it is not in the log or nobody asked for it
//   leaked     delivered to, or written by, one who was no member at that number
//   differs    another body than the log's, or than what was sent
import { marks } from './mutations.mjs';

export const kinds = ['lost', 'doubled', 'reordered', 'holes', 'phantom', 'leaked', 'differs'];

/** 53 bits that stand for a text. */
export function fingerprint(text) {
    let one = 0x811c9dc5;
    let two = 0x2f0b4c47;
    for (let i = 0; i < text.length; i++) {
        const code = text.charCodeAt(i);
        one = Math.imul(one ^ code, 0x01000193);
        two = Math.imul(two ^ code, 0x85ebca6b) ^ (two >>> 13);
    }
    return (one >>> 0) * 2 ** 21 + (two >>> 11);
}

/** What an event is, apart from what it says. */
const identity = (event) => fingerprint(`${event.kind} ${event.actorId} ${marks[event.kind]?.(event) ?? ''}`);
const body = (event) => fingerprint(JSON.stringify(event));

function push(lists, key, item) {
    const list = lists.get(key);
    if (list) list.push(item);
    else lists.set(key, [item]);
}

const SAME = 1; // as the first device saw it
const OTHER = 2;

/** The first sight of every number, shared by all devices, so that each of them keeps one byte per event. */
export class Book {
    constructor() {
        this.conversations = new Map();
    }

    of(id) {
        let page = this.conversations.get(id);
        if (!page) this.conversations.set(id, (page = { bodies: [], identities: [], others: [] }));
        return page;
    }

    /** SAME or OTHER. */
    note(event, who) {
        const page = this.of(event.conversationId);
        const seen = body(event);
        if (page.bodies[event.seq] === undefined) {
            page.bodies[event.seq] = seen;
            page.identities[event.seq] = identity(event);
        }
        if (page.bodies[event.seq] === seen) return SAME;
        page.others.push({ who, event });
        return OTHER;
    }
}

class View {
    constructor() {
        this.seen = new Uint8Array(64);
        this.top = 0; // all that may be seen up to here was seen: the cursor for sync
        this.live = 0; // the last number that came on this connection
        this.early = []; // numbers that came before sync had answered
        this.dropped = false; // a resync came
    }

    mark(seq, how) {
        if (seq >= this.seen.length) {
            const more = new Uint8Array(Math.max(seq + 1, this.seen.length * 2));
            more.set(this.seen);
            this.seen = more;
        }
        this.seen[seq] = Math.max(this.seen[seq], how);
    }
}

/** One device's history. */
export class Reader {
    constructor(book, user, name = user) {
        Object.assign(this, { book, user, name, views: new Map(), jumps: [], backs: [], open: false, events: 0 });
    }

    of(id) {
        let view = this.views.get(id);
        if (!view) this.views.set(id, (view = new View()));
        return view;
    }

    connected() {
        this.open = false;
        for (const view of this.views.values()) Object.assign(view, { live: 0, early: [], dropped: false });
    }

    /** An event that came by itself. */
    live(event) {
        const view = this.of(event.conversationId);
        this.events++;
        if (event.seq <= view.live) this.backs.push({ conversationId: event.conversationId, from: view.live, to: event.seq });
        view.live = Math.max(view.live, event.seq);
        view.mark(event.seq, this.book.note(event, this.name));
        if (this.open && !view.dropped) this.advance(event.conversationId, view, event.seq);
        else view.early.push(event.seq);
    }

    /** A page of an answer to sync. */
    page(conversationId, events) {
        const view = this.of(conversationId);
        let last = 0;
        for (const event of events) {
            if (event.seq <= last) this.backs.push({ conversationId, from: last, to: event.seq });
            last = event.seq;
            view.mark(event.seq, this.book.note({ conversationId, ...event }, this.name));
            this.advance(conversationId, view, event.seq);
        }
    }

    /** The last page has come: what came early goes on from there. */
    synced() {
        for (const [id, view] of this.views) {
            for (const seq of view.early) this.advance(id, view, seq);
            view.early = [];
            view.dropped = false;
        }
        this.open = true;
    }

    /** What was queued of these conversations (ids, or "all") was dropped. */
    resync(conversations) {
        if (conversations === 'all') this.open = false;
        else for (const id of conversations) this.of(id).dropped = true;
    }

    advance(conversationId, view, seq) {
        if (seq > view.top + 1) this.jumps.push({ conversationId, from: view.top, to: seq });
        view.top = Math.max(view.top, seq);
    }

    /** It knows of this conversation, as a guest who may be let in: what it missed while it was in and is out again, too. */
    follow(id) {
        this.of(id).followed = true;
    }

    cursors() {
        return Object.fromEntries([...this.views].filter(([, view]) => view.top > 0 || view.followed).map(([id, view]) => [id, view.top]));
    }

    has(id, seq) {
        return (this.views.get(id)?.seen[seq] ?? 0) > 0;
    }
}

/** user → intervals of numbers [first, last] in which it was a member, its own removal included. */
export function memberships(log) {
    const all = new Map();
    const enter = (user, seq) => push(all, user, [seq, Infinity]);
    for (const event of log) {
        if (event.kind === 'conversation.created') for (const member of event.conversation.members) enter(member.userId, event.seq);
        else if (event.kind === 'member.added') enter(event.userId, event.seq);
        else if (event.kind === 'member.removed' && all.get(event.userId)?.at(-1)[1] === Infinity) all.get(event.userId).at(-1)[1] = event.seq;
    }
    return all;
}

const within = (intervals, seq) => intervals?.some(([first, last]) => seq >= first && seq <= last) ?? false;

/** From that number on, to the end. */
const isMember = (intervals, seq) => intervals?.some(([first, last]) => seq >= first && last === Infinity) ?? false;

/** Findings as {kind, what}; holds those of one conversation. */
class Findings {
    constructor(id) {
        this.id = id;
        this.list = [];
    }

    add(kind, what) {
        this.list.push({ kind, what: `${this.id} ${what}` });
    }
}

/** The log by itself: 1, 2, 3 … and written by members. Gives number → event. */
function checkLog(log, members, findings) {
    const bySeq = [];
    let next = 1;
    for (const event of log) {
        if (event.seq < next) findings.add('reordered', `${event.seq} follows ${next - 1} in the log`);
        for (; next < event.seq; next++) findings.add('holes', `${next} is missing in the log`);
        next = Math.max(next, event.seq + 1);
        bySeq[event.seq] = event;
        if (event.kind !== 'void' && !within(members.get(event.actorId), event.seq))
            findings.add('leaked', `${event.seq} in the log is by ${event.actorId}, who was no member`);
    }
    return bySeq;
}

/** kind, actor and mark → numbers. An event of a membership is marked by its ordinal: the third addition of somebody. */
function indexLog(log) {
    const index = new Map();
    const ordinals = new Map();
    for (const event of log) {
        let mark = marks[event.kind]?.(event);
        if (mark === undefined) continue;
        if (event.userId) {
            const nth = (ordinals.get(`${event.kind} ${mark}`) ?? 0) + 1;
            ordinals.set(`${event.kind} ${mark}`, nth);
            mark = `${mark} ${nth}`;
        }
        const key = `${event.kind} ${event.actorId} ${mark}`;
        push(index, key, event.seq);
    }
    return index;
}

function checkAttempt(attempt, stored, bySeq, members, findings) {
    const name = `${attempt.event} ${attempt.mark} of ${attempt.actor}`;
    const answered = attempt.answers.length > 0;
    if (stored.length > 1) findings.add('doubled', `${name} stands at ${stored.join(' and ')}`);
    for (const answer of attempt.answers) {
        if (stored.length === 0) findings.add('lost', `${name} was acknowledged${answer.seq ? ` at ${answer.seq}` : ''}`);
        else if (answer.seq && !stored.includes(answer.seq)) findings.add('doubled', `${name} was acknowledged at ${answer.seq} and stands at ${stored[0]}`);
        if (answer.text !== undefined && answer.text !== attempt.text) findings.add('differs', `${name} was acknowledged as ${JSON.stringify(answer.text)}`);
    }
    const numbers = new Set(attempt.answers.map((answer) => answer.seq).filter(Boolean));
    if (numbers.size > 1) findings.add('doubled', `${name} was acknowledged at ${[...numbers].join(' and ')}`);
    for (const seq of stored)
        if (attempt.text !== undefined && bySeq[seq].message?.text !== attempt.text) findings.add('differs', `${name} is stored with another text at ${seq}`);
    if (attempt.refused && !answered && isMember(members.get(attempt.actor), stored[0]) && attempt.tries.every((one) => one.outcome === 'refused'))
        findings.add('phantom', `${name} was refused (${attempt.refused}) and stands at ${stored[0]}`);
    if (attempt.refused && members.get(attempt.actor)?.some(([first, last]) => first === 1 && last === Infinity))
        findings.add('lost', `${name} was refused (${attempt.refused}) to a member`);
}

/**
 * What one socket sends into one conversation keeps its order: b comes after a when every try of b went out after one
 * of a on the same connection, and the server did not tell that one to try again.
 */
function checkOrder(attempts, findings) {
    const lines = new Map(); // connection → tries, in order
    for (const attempt of attempts) for (const one of attempt.tries) if (one.at !== undefined) push(lines, one.on, { attempt, ...one });
    const seqOf = (attempt) => attempt.answers.find((answer) => answer.seq)?.seq;
    const wentBefore = (a, b) => b.tries.every((mine) => a.tries.some((one) => one.on === mine.on && one.at < mine.at && (one.outcome === 'ok' || one.outcome === 'none')));
    const seen = new Set();
    for (const line of lines.values()) {
        line.sort((a, b) => a.at - b.at);
        line.forEach(({ attempt: b }, i) => {
            for (let back = 1; back <= 16 && back <= i; back++) {
                const a = line[i - back].attempt;
                if (a === b || !(seqOf(a) > seqOf(b)) || !wentBefore(a, b) || seen.has(`${a.mark} ${b.mark}`)) continue;
                seen.add(`${a.mark} ${b.mark}`);
                findings.add('reordered', `${a.mark} of ${a.actor} was sent before ${b.mark} and stands at ${seqOf(a)}, after ${seqOf(b)}`);
            }
        });
    }
}

function checkAttempts(attempts, log, bySeq, members, findings) {
    const index = indexLog(log);
    const asked = new Set();
    for (const attempt of attempts) {
        const key = `${attempt.event} ${attempt.actor} ${attempt.mark}`;
        asked.add(key);
        checkAttempt(attempt, index.get(key) ?? [], bySeq, members, findings);
    }
    for (const [key, seqs] of index) if (!asked.has(key)) findings.add('phantom', `nobody asked for ${key} at ${seqs.join(', ')}`);
    checkOrder(attempts, findings);
}

/** What all devices saw alike, and what one saw otherwise. */
function checkBodies(page, bySeq, findings) {
    const judge = (seq, same, who) => {
        if (!bySeq[seq]) findings.add('phantom', `${seq} was seen${who} and is not in the log`);
        else if (!same) findings.add('phantom', `${seq} was seen${who} as something else than what is stored`);
        else findings.add('differs', `${seq} was seen${who} with another body`);
    };
    page.bodies.forEach((seen, seq) => {
        const event = bySeq[seq];
        if (!event || body(event) !== seen) judge(seq, event && identity(event) === page.identities[seq], '');
    });
    for (const { who, event } of page.others) {
        const stored = bySeq[event.seq];
        if (!stored || body(stored) !== body(event)) judge(event.seq, stored && identity(stored) === identity(event), ` by ${who}`);
    }
}

function checkReader(id, reader, intervals, bySeq, findings) {
    for (let seq = 1; seq < bySeq.length; seq++) {
        const may = within(intervals, seq);
        if (may && bySeq[seq] && !reader.has(id, seq)) findings.add('holes', `${reader.name} never got ${seq}`);
        if (!may && reader.has(id, seq)) findings.add('leaked', `${reader.name} got ${seq} and was no member`);
    }
    for (const jump of reader.jumps) {
        if (jump.conversationId !== id) continue;
        for (let seq = jump.from + 1; seq < jump.to; seq++)
            if (bySeq[seq] && within(intervals, seq)) {
                findings.add('holes', `${reader.name} was sent ${jump.to} after ${jump.from}`);
                break;
            }
    }
    for (const back of reader.backs) if (back.conversationId === id) findings.add('reordered', `${reader.name} was sent ${back.to} after ${back.from} on one connection`);
}

/**
 * One conversation. log: its events as the store has them; attempts: what was asked of it, {event, mark, actor, text?,
 * tries: [{on, at, outcome}], answers: [{seq?, text?}], refused?}; readers: all devices. Gives [{kind, what}].
 */
export function compare({ id, log, attempts, readers, book }) {
    const findings = new Findings(id);
    const members = memberships(log);
    const bySeq = checkLog(log, members, findings);
    checkAttempts(attempts, log, bySeq, members, findings);
    checkBodies(book.of(id), bySeq, findings);
    for (const reader of readers) checkReader(id, reader, members.get(reader.user), bySeq, findings);
    return findings.list;
}

/** The devices that still wait for something: none when all have all that they may see. */
export function incomplete({ id, log, readers }) {
    const members = memberships(log);
    return readers.filter((reader) => log.some((event) => within(members.get(reader.user), event.seq) && !reader.has(id, event.seq)));
}
