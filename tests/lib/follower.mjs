// A device that keeps the log: what came live, what `sync` brought, and every breach of the order on the way. It knows
// its conversations from the beginning (`watch`); numbers are the conversations'.
export class Follower {
    constructor() {
        this.cursors = {};
        this.texts = {}; // of each conversation, in order
        this.problems = [];
        this.counts = { live: 0, synced: 0, resyncs: 0, connects: 0, syncs: 0 };
        this.reasons = []; // of resyncs
        this.state = 'new';
        this.ahead = [];
    }

    watch(id) {
        this.cursors[id] ??= 0;
        this.texts[id] ??= [];
    }

    /** A new connection: until a `sync` is answered, events may be ahead of what is known. */
    connected() {
        this.counts.connects++;
        this.state = 'new';
        this.ahead = [];
    }

    resync({ conversations, reason } = {}) {
        this.counts.resyncs++;
        this.reasons.push(reason);
        if (conversations !== 'all' || !['slow', 'repair'].includes(reason)) this.problem(`a strange resync: ${conversations}, ${reason}`);
        if (this.state === 'behind') this.problem('a second resync before sync was called');
        this.state = 'behind';
    }

    event(event) {
        if (!(event.conversationId in this.cursors)) return;
        if (this.state === 'new') this.ahead.push(event);
        else if (this.state === 'behind') this.problem(`${event.seq} came between resync and the answer to sync`);
        else this.take(event, 'live');
    }

    /** An answer to `sync`; true: call again. */
    answer(answer) {
        if (!answer.ok) return true;
        this.counts.syncs++;
        for (const [id, page] of Object.entries(answer.conversations))
            if (id in this.cursors) page.events.forEach((event) => this.take(event, 'synced'));
        if (answer.more) return true;
        const ahead = this.ahead.filter((event) => event.seq > this.cursors[event.conversationId]);
        this.state = 'live';
        this.ahead = [];
        ahead.forEach((event) => this.take(event, 'live'));
        return false;
    }

    take(event, how) {
        const id = event.conversationId, due = this.cursors[id] + 1;

        if (event.seq !== due) this.problem(`${how}: ${event.seq} ${event.seq < due ? 'again' : 'came'} where ${due} was due`);
        this.counts[how]++;
        this.cursors[id] = Math.max(this.cursors[id], event.seq);
        if (event.kind === 'message.created' && event.seq >= due) this.texts[id].push(event.message.text);
    }

    problem(text) {
        if (this.problems.length < 20) this.problems.push(text);
    }

    /**
     * Wires a socket.io-client, which syncs after every connect and every resync. By callbacks: what awaits an answer may
     * run after an event that came behind it.
     */
    attach(socket) {
        let round = 0;
        const sync = (of) => {
            if (of !== round || !socket.connected) return; // of an earlier connection or resync
            socket.timeout(20000).emit('sync', { cursors: this.cursors }, (error, answer) => {
                if (of === round && (error || this.answer(answer))) sync(of);
            });
        };
        socket.on('connect', () => { this.connected(); sync(++round); });
        socket.on('event', (event) => this.event(event));
        socket.on('resync', (what) => { this.resync(what); sync(++round); });
        return this;
    }
}
