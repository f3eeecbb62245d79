// A proxy in front of a MongoDB server that poses as a replica set: several listeners, exactly one of them the primary,
// and an arbiter that stays where it is, so that a client that starts anew finds the others. Clients see a set that
// steps down, moves, is slow, is cut off, or loses the answers to writes; the data are in the one server behind it.
//
// What it cannot show: roll-back, a majority that lags, two members that differ.
import net from 'node:net';
import { Double, Int32, Long, ObjectId } from 'bson';
import { Framer, answersTo, changeCommand, changeReply, idOf, makeReply, readCommand } from './mongo_wire.mjs';

const SET = 'parley';
const DRAIN_MS = 10000; // how long the server may still work on what a client that went had asked

const HELLOS = new Set(['hello', 'ismaster', 'isMaster']);
const DATA_WRITES = new Set(['insert', 'update', 'delete', 'findAndModify', 'findandmodify']);
const WRITES = new Set([...DATA_WRITES, 'create', 'createIndexes', 'drop', 'dropDatabase', 'dropIndexes', 'collMod', 'renameCollection', 'commitTransaction', 'replSetStepDown']);
const READS = new Set(['find', 'aggregate', 'count', 'distinct', 'listCollections', 'listIndexes']);

const errors = {
    notPrimary: { code: 10107, codeName: 'NotWritablePrimary', errmsg: 'not primary' },
    notPrimaryNoSecondaryOk: { code: 13435, codeName: 'NotPrimaryNoSecondaryOk', errmsg: 'not primary and secondaryOk=false' },
    interrupted: { code: 11602, codeName: 'InterruptedDueToReplStateChange', errmsg: 'operation was interrupted' },
    steppedDown: { code: 189, codeName: 'PrimarySteppedDown', errmsg: 'primary stepped down while waiting for replication' },
    concernFailed: { code: 64, codeName: 'WriteConcernFailed', errmsg: 'waiting for replication timed out' },
};

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const typed = (error) => ({ ...error, code: new Int32(error.code) });

/** One connection of a client and the one to the server that stands for it. */
class Link {
    constructor(proxy, member, client) {
        Object.assign(this, { proxy, member, client });
        this.pending = new Map(); // request id → what its answer is to go through
        this.up = Promise.resolve();
        this.down = Promise.resolve();
        const framer = new Framer();
        client.setNoDelay(true);
        client.on('error', () => {});
        client.on('close', () => { this.up = this.up.then(() => this.endUpstream()); });
        client.on('data', (piece) => this.each(framer, piece, (message) => { this.up = this.up.then(() => this.request(message)); }));
    }

    each(framer, piece, fn) {
        try {
            framer.take(piece).forEach(fn);
        } catch {
            this.destroy();
        }
    }

    /** Both sides at once. */
    destroy() {
        this.client.destroy();
        this.upstream?.destroy();
    }

    connect() {
        if (this.upstream) return this.upstream;
        const framer = new Framer();
        this.upstream = net.connect(this.proxy.server);
        this.upstream.setNoDelay(true);
        this.upstream.on('error', () => {});
        this.upstream.on('close', () => {
            this.client.destroy();
            this.proxy.links.delete(this);
        });
        this.upstream.on('data', (piece) => this.each(framer, piece, (message) => { this.down = this.down.then(() => this.answer(message)); }));
        return this.upstream;
    }

    /** The client has gone: what it had asked is done, or not, as the server likes. */
    endUpstream() {
        if (!this.upstream || this.upstream.destroyed) this.proxy.links.delete(this);
        else if (this.pending.size === 0) this.upstream.destroy();
        else setTimeout(() => this.upstream.destroy(), DRAIN_MS).unref();
    }

    async request(message) {
        await this.proxy.way();
        let command;
        try {
            command = readCommand(message);
        } catch {
            this.destroy();
            return;
        }
        if (HELLOS.has(command.name)) await this.askHello(message, command);
        else await this.ask(message, command);
    }

    /** An awaitable hello waits for a change; where the client allows it, the next one needs no request. */
    async askHello(message, command) {
        const { topologyVersion, maxAwaitTimeMS, ...document } = command.document;
        this.proxy.counts.hellos++;
        if (topologyVersion && maxAwaitTimeMS) await this.proxy.change(this, topologyVersion, Number(maxAwaitTimeMS));
        this.send(changeCommand(message, { ...command, document }), { command, hello: true, more: command.exhaust && topologyVersion ? message : undefined });
    }

    async ask(message, command) {
        const { proxy, member } = this;
        const refusal = proxy.refusal(member, command);
        const write = DATA_WRITES.has(command.name);
        if (!refusal && command.name === 'replSetStepDown') proxy.stepDown();
        if (refusal || command.name === 'replSetStepDown') {
            this.client.write(makeReply(message, command, refusal ? proxy.errorOf(member, refusal, command) : { ok: new Double(1) }));
            return;
        }
        if (write) proxy.countWrite(command.document);
        const lost = write && proxy.losesAnswer(command.document);
        if (lost?.late !== undefined) {
            this.client.destroy();
            await pause(lost.late);
        }
        this.send(message, { command, write, lost: Boolean(lost) });
    }

    send(message, pending) {
        if (this.proxy.stopped) return;
        if (!pending.command.silent) this.pending.set(idOf(message), pending);
        this.connect().write(message);
    }

    async answer(message) {
        const pending = this.pending.get(answersTo(message));
        await this.proxy.way();
        this.pending.delete(answersTo(message));
        if (pending?.lost) {
            this.proxy.counts.lost++;
            this.destroy();
        } else if (this.client.destroyed) {
            if (this.pending.size === 0) this.upstream.destroy();
        } else {
            this.client.write(pending ? this.changed(message, pending) : message);
        }
    }

    changed(message, { command, hello, more, write, interrupted }) {
        if (hello) return this.changedHello(message, command, more);
        if (interrupted) return changeReply(message, (document) => this.proxy.interrupt(this.member, command, document));
        if (write && this.proxy.concerns > 0) return changeReply(message, (document) => this.proxy.failConcern(command, document));
        return message;
    }

    changedHello(message, command, request) {
        const topologyVersion = this.proxy.versionOf(this.member);
        if (request) {
            const next = { ...command, document: { ...command.document, topologyVersion } };
            this.up = this.up.then(() => this.client.destroyed || this.askHello(changeCommand(request, next, idOf(message)), next));
        }
        return changeReply(message, (document) => this.proxy.hello(this.member, document), Boolean(request));
    }

    interruptWrites() {
        for (const pending of this.pending.values()) if (pending.write) pending.interrupted = true;
    }
}

export class MongoProxy {
    links = new Set();
    counts = {
        connections: 0, hellos: 0, writes: 0, unsafe: 0, refusedWrites: 0, refusedReads: 0,
        lost: 0, interrupted: 0, concernsFailed: 0, cuts: 0, stepDowns: 0, moves: 0,
    };

    members = []; // {listener, port, processId}; the arbiter is the last
    primary = 0; // its place in members; -1 while there is none
    last = 0; // the one before
    term = 1;
    version = 1; // of the set's configuration
    counter = 0; // of topologyVersion
    latency = 0;
    concerns = 0;
    losing = []; // {late, collection} of the writes whose answers are to be lost

    /** upstream: a mongodb:// URI of one server without TLS; its user and options are kept in `uri`. */
    static async start(upstream, { members = 2 } = {}) {
        const self = new MongoProxy();
        const [, user = '', host, rest = '/'] = /^mongodb:\/\/([^/?]*@)?([^/?]+)(.*)$/.exec(upstream) ?? [];
        if (!host || host.includes(',') || /[?&](tls|ssl)=true/.test(rest)) throw new Error(`no single server without TLS: ${upstream}`);
        const [name, port = '27017'] = host.split(':');
        self.server = { host: name, port: Number(port) };
        for (let i = 0; i <= members; i++) self.members.push(await self.listen());
        const [database, options = ''] = rest.split('?');
        const kept = options.split('&').filter((option) => option && !/^(replicaSet|directConnection)=/i.test(option));
        self.uri = `mongodb://${user}${self.members.map((member) => self.address(member)).join(',')}${database || '/'}?${['replicaSet=' + SET, ...kept].join('&')}`;
        return self;
    }

    listen() {
        const member = { processId: new ObjectId() };
        member.listener = net.createServer((client) => this.welcome(member, client));
        return new Promise((resolve, reject) => {
            member.listener.on('error', reject);
            member.listener.listen(0, '127.0.0.1', () => {
                member.port = member.listener.address().port;
                resolve(member);
            });
        });
    }

    welcome(member, client) {
        this.counts.connections++;
        if (this.isCut) client.destroy();
        else this.links.add(new Link(this, member, client));
    }

    address(member) {
        return `127.0.0.1:${member.port}`;
    }

    get size() {
        return this.members.length - 1;
    }

    // ---- faults

    /** Nothing gets through. silent: connections stay, and what was sent arrives when it is healed; else they are cut. */
    cut({ silent = false } = {}) {
        this.counts.cuts++;
        if (silent) {
            this.healed ??= new Promise((resolve) => { this.open = resolve; });
            return;
        }
        this.isCut = true;
        for (const link of this.links) link.destroy();
    }

    /** Every message takes that much longer, each way. */
    slow(ms) {
        this.latency = ms;
    }

    /** Ends what cut(), slow(), cutMidWrite() and failConcerns() began. */
    heal() {
        this.isCut = false;
        this.latency = 0;
        this.concerns = 0;
        this.losing = [];
        this.open?.();
        this.open = this.healed = undefined;
    }

    /**
     * The next member becomes the primary, after some time without one. Writes under way on the old one reach the server,
     * and are answered as interrupted.
     */
    stepDown({ gapMs = 0 } = {}) {
        if (this.primary < 0) return;
        this.counts.stepDowns++;
        this.last = this.primary;
        for (const link of this.links) if (link.member === this.members[this.primary]) link.interruptWrites();
        this.primary = -1;
        if (gapMs > 0) this.election = setTimeout(() => this.elect((this.last + 1) % this.size), gapMs);
        else this.elect((this.last + 1) % this.size);
        this.changes();
    }

    elect(place) {
        this.primary = place;
        this.term++;
        this.changes();
    }

    /** The primary, or the one that was it, is gone from its port and on another one. */
    async moved() {
        const place = this.primary < 0 ? this.last : this.primary;
        const old = this.members[place];
        this.counts.moves++;
        this.members[place] = await this.listen();
        this.version++;
        this.term++;
        old.listener.close();
        for (const link of this.links) if (link.member === old) link.destroy();
        this.changes();
    }

    /**
     * The next n writes reach the server, and their clients lose the connection before they hear of it. late: the client
     * loses it at once, and the server gets the write that many milliseconds after. collection: only writes to that one.
     */
    cutMidWrite(n = 1, { late, collection } = {}) {
        for (let i = 0; i < n; i++) this.losing.push({ late, collection });
    }

    /** The next n writes are done and answered with a write concern error. */
    failConcerns(n = 1) {
        this.concerns += n;
    }

    async stop() {
        clearTimeout(this.election);
        this.heal();
        this.stopped = this.isCut = true;
        for (const link of this.links) link.destroy();
        await Promise.all(this.members.map(({ listener }) => new Promise((resolve) => { listener.close(resolve); })));
    }

    // ---- what the links ask

    /** When a message may pass. */
    async way() {
        if (this.latency) await pause(this.latency);
        while (this.healed) await this.healed;
    }

    changes() {
        this.counter++;
        const woken = this.waking ?? [];
        this.waking = [];
        woken.forEach((wake) => wake());
    }

    /** Until the state is another one than the given version's, the time is over, or the client has gone. */
    change(link, { processId, counter }, ms) {
        if (!link.member.processId.equals(processId) || Number(counter) !== this.counter) return undefined;
        return new Promise((resolve) => {
            const timer = setTimeout(resolve, ms);
            const wake = () => { clearTimeout(timer); resolve(); };
            (this.waking ??= []).push(wake);
            link.client.once('close', wake);
        });
    }

    isPrimary(member) {
        return member === this.members[this.primary];
    }

    refusal(member, { name, document }) {
        if (this.isPrimary(member)) return undefined;
        if (WRITES.has(name)) {
            this.counts.refusedWrites++;
            return errors.notPrimary;
        }
        const mode = document.$readPreference?.mode ?? 'primary';
        if (!READS.has(name) || (mode !== 'primary' && member !== this.members.at(-1))) return undefined;
        this.counts.refusedReads++;
        return errors.notPrimaryNoSecondaryOk;
    }

    countWrite({ writeConcern }) {
        this.counts.writes++;
        if (writeConcern?.w !== 'majority' || writeConcern?.j !== true) this.counts.unsafe++;
    }

    losesAnswer(document) {
        const at = this.losing.findIndex(({ collection }) => !collection || Object.values(document)[0] === collection);
        return at < 0 ? undefined : this.losing.splice(at, 1)[0];
    }

    versionOf(member) {
        return { processId: member.processId, counter: Long.fromNumber(this.counter) };
    }

    errorOf(member, error, { document }) {
        return {
            ok: new Double(0), ...typed(error), topologyVersion: this.versionOf(member),
            ...(document.txnNumber === undefined ? {} : { errorLabels: ['RetryableWriteError'] }),
        };
    }

    /** In turn: the write was interrupted, and it was done but has not waited for the majority. Both may be either. */
    interrupt(member, command, document) {
        if (++this.counts.interrupted % 2) return this.errorOf(member, errors.interrupted, command);
        return this.withConcern(command, document, errors.steppedDown);
    }

    failConcern(command, document) {
        this.concerns--;
        this.counts.concernsFailed++;
        return this.withConcern(command, document, errors.concernFailed);
    }

    withConcern({ document: { txnNumber } }, document, error) {
        const retry = error !== errors.concernFailed && txnNumber !== undefined;
        return { ...document, writeConcernError: typed(error), ...(retry ? { errorLabels: ['RetryableWriteError'] } : {}) };
    }

    /** The server's own hello, as this member of the set would say it. */
    hello(member, document) {
        const { isWritablePrimary, ismaster, secondary, hosts, passives, arbiters, primary, me, electionId, msg, compression, ...rest } = document;
        const is = this.isPrimary(member);
        const arbiter = member === this.members.at(-1);
        return {
            ...('ismaster' in document ? { ismaster: is } : { isWritablePrimary: is }),
            topologyVersion: this.versionOf(member),
            ...rest,
            ...('helloOk' in document || 'ismaster' in document ? { helloOk: true } : {}),
            setName: SET,
            setVersion: new Int32(this.version),
            secondary: !is && !arbiter,
            ...(arbiter ? { arbiterOnly: true } : {}),
            hosts: this.members.slice(0, -1).map((one) => this.address(one)),
            arbiters: [this.address(this.members.at(-1))],
            ...(this.primary >= 0 ? { primary: this.address(this.members[this.primary]) } : {}),
            me: this.address(member),
            ...(is ? { electionId: new ObjectId(`7fffffff${this.term.toString(16).padStart(16, '0')}`) } : {}),
        };
    }
}
