// The comparison of histories, held against histories that are wrong in every one of the seven ways.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Book, compare, incomplete, kinds, Reader } from './check/history.mjs';
import { tally } from './check/report.mjs';

const id = 'room';
const owner = 'alice';
const at = (seq, kind, actorId, more) => ({ conversationId: id, seq, kind, actorId, at: `t${seq}`, ...more });
const created = at(1, 'conversation.created', owner, { conversation: { members: [{ userId: owner }, { userId: 'bob' }] } });
const message = (seq, actorId, clientId, text = `${clientId} says`) => at(seq, 'message.created', actorId, { message: { clientId, text } });
const added = (seq, userId) => at(seq, 'member.added', owner, { userId });
const removed = (seq, userId, by = owner) => at(seq, 'member.removed', by, { userId });
const hole = (seq) => at(seq, 'void', null, {});

let connections = 0;
/** One message as asked for: tries as [connection, place, outcome]. */
function asked(actor, clientId, seq, tries = [[`own ${++connections}`, 0, 'ok']]) {
    return {
        event: 'message.created', actor, mark: clientId, text: `${clientId} says`, answers: seq ? [{ seq, text: `${clientId} says` }] : [],
        tries: tries.map(([on, place, outcome]) => ({ on, at: place, outcome })),
    };
}
const changed = (event, actor, user, nth) => ({ event, actor, mark: `${user} ${nth}`, tries: [{ on: 'rest', outcome: 'ok' }], answers: [{}] });

/** A world in which nothing is wrong: a log, what was asked for, and devices that saw what they may. */
function world() {
    const log = [created, message(2, 'alice', 'a1'), message(3, 'bob', 'b1'), added(4, 'carol'), message(5, 'carol', 'c1'), hole(6), removed(7, 'carol'), message(8, 'bob', 'b2')];
    const attempts = [
        asked('alice', 'a1', 2), asked('bob', 'b1', 3, [['bob 1', 0, 'ok']]), changed('member.added', 'alice', 'carol', 1),
        asked('carol', 'c1', 5), changed('member.removed', 'alice', 'carol', 1), asked('bob', 'b2', 8, [['bob 1', 1, 'ok']]),
    ];
    const book = new Book();
    const reader = (user, events) => {
        const one = new Reader(book, user);
        one.connected();
        one.synced();
        for (const event of events) one.live(event);
        return one;
    };
    return { id, log, attempts, book, reader, readers: [], see(user, from = 1, to = Infinity) { this.readers.push(reader(user, this.log.filter(({ seq }) => seq >= from && seq <= to))); return this.readers.at(-1); } };
}

/** Everybody sees everything that they may. */
function rightWorld() {
    const it = world();
    it.see('alice');
    it.see('bob');
    it.see('carol', 4, 7);
    it.see('dave', 0, 0);
    return it;
}

/** Only this kind of thing was found. */
function only(kind, it, count = 1) {
    const findings = compare(it);
    const counts = tally(findings);
    for (const one of kinds) assert.equal(counts[one], one === kind ? count : 0, `${one}: ${JSON.stringify(findings)}`);
}

test('nothing is found where nothing is wrong', () => {
    assert.deepEqual(compare(rightWorld()), []);
    assert.deepEqual(incomplete(rightWorld()), []);
});

describe('lost', () => {
    test('what was acknowledged and is not in the log', () => {
        const it = rightWorld();
        it.attempts.push(asked('bob', 'b3', 9));
        only('lost', it);
    });
    test('a change of members that was acknowledged and is not in the log', () => {
        const it = rightWorld();
        it.attempts.push(changed('member.added', 'alice', 'carol', 2));
        only('lost', it);
    });
    test('a message that was refused to one who was a member all the time', () => {
        const it = rightWorld();
        it.attempts.push({ ...asked('bob', 'b3'), refused: 'not_found' });
        only('lost', it);
    });
    test('the whole conversation', () => {
        const it = rightWorld();
        assert.ok(tally(compare({ ...it, log: [] })).lost >= it.attempts.length);
    });
    test('not: what was refused to a guest, or has no answer', () => {
        const it = rightWorld();
        it.attempts.push({ ...asked('carol', 'c2', undefined, [['x', 0, 'refused']]), refused: 'not_found' }, asked('bob', 'b4', undefined, [['y', 0, 'none']]));
        assert.deepEqual(compare(it), []);
    });
});

describe('doubled', () => {
    test('one clientId at two numbers of the log', () => {
        const it = world();
        it.log.push(message(9, 'bob', 'b2'));
        it.see('alice');
        only('doubled', it);
    });
    test('one clientId that was acknowledged at two numbers', () => {
        const it = rightWorld();
        it.attempts[0].answers.push({ seq: 6, text: 'a1 says' });
        only('doubled', it, 2); // and it stands at one of them only
    });
});

describe('reordered', () => {
    test('a number that went back on one connection', () => {
        const it = world();
        it.readers.push(it.reader('alice', [...it.log.slice(0, 3), it.log[1], ...it.log.slice(3)]));
        only('reordered', it);
    });
    test('a log out of order', () => {
        const it = rightWorld();
        [it.log[1], it.log[2]] = [it.log[2], it.log[1]];
        assert.ok(tally(compare(it)).reordered > 0);
    });
    const swapped = (tries1, tries2) => {
        const it = world();
        it.log[2] = message(3, 'bob', 'b2');
        it.log[7] = message(8, 'bob', 'b1');
        it.attempts[1] = asked('bob', 'b1', 8, tries1);
        it.attempts[5] = asked('bob', 'b2', 3, tries2);
        it.see('bob');
        return it;
    };
    test('two sends of one socket', () => only('reordered', swapped([['s', 0, 'ok']], [['s', 1, 'ok']])));
    test('two sends of one socket, both sent again in order on the next one', () => only('reordered', swapped([['s', 0, 'none'], ['t', 0, 'ok']], [['s', 1, 'none'], ['t', 1, 'ok']])));
    test('not: when the first was told to try again, or the second went by another way too', () => {
        assert.deepEqual(compare(swapped([['s', 0, 'busy'], ['s', 2, 'ok']], [['s', 1, 'ok']])), []);
        assert.deepEqual(compare(swapped([['s', 0, 'ok']], [['s', 1, 'ok'], ['other', 0, 'ok']])), []);
    });
});

describe('holes', () => {
    test('a number that the log lacks', () => {
        const it = world();
        it.log.splice(5, 1);
        it.see('bob');
        only('holes', it);
    });
    test('a number that a device never got', () => {
        const it = world();
        it.see('bob', 1, 7);
        assert.equal(incomplete(it).length, 1);
        only('holes', it);
    });
    test('a number passed over on a connection, though sync brought it later', () => {
        const it = world();
        const reader = it.see('bob', 1, 4);
        reader.live(it.log[5]);
        reader.page(id, it.log.slice(4));
        only('holes', it);
    });
    test('not: when a resync said so, or before sync had answered', () => {
        const it = world();
        const told = it.see('bob', 1, 4);
        told.resync([id]);
        told.live(it.log[7]);
        told.page(id, it.log.slice(4, 7));
        told.synced();
        const early = it.see('alice', 1, 4);
        early.connected();
        early.live(it.log[7]);
        early.page(id, it.log.slice(4, 8));
        early.synced();
        assert.deepEqual(compare(it), []);
    });
    test('what came early does not hide a hole behind the answer to sync', () => {
        const it = world();
        const reader = it.see('bob', 1, 3);
        reader.connected();
        reader.live(it.log[7]);
        reader.page(id, it.log.slice(3, 6));
        reader.synced();
        only('holes', it, 2); // 7 never came, and 8 came after 6
    });
});

describe('phantom', () => {
    test('what was seen beyond the log', () => {
        const it = rightWorld();
        it.readers[0].live(message(9, 'bob', 'b3'));
        only('phantom', it);
    });
    test('what was seen as something else than what is stored there', () => {
        const it = world();
        it.see('bob', 1, 7).live(message(8, 'alice', 'a9'));
        only('phantom', it);
    });
    test('what is stored and nobody asked for', () => {
        const it = rightWorld();
        it.attempts.pop();
        only('phantom', it);
    });
    test('what was refused to a member and stands in the log', () => {
        const it = rightWorld();
        it.attempts[5] = { ...asked('bob', 'b2', undefined, [['z', 0, 'refused']]), refused: 'conflict' };
        assert.equal(tally(compare(it)).phantom, 1);
    });
});

describe('leaked', () => {
    test('what was delivered to one who is no member', () => {
        const it = rightWorld();
        it.readers[3].live(it.log[1]);
        only('leaked', it);
    });
    test('what was delivered past a removal', () => {
        const it = world();
        it.see('carol', 4, 8);
        only('leaked', it);
    });
    test('what was delivered from before one was added', () => {
        const it = world();
        const reader = it.see('carol', 4, 7);
        reader.page(id, [it.log[1]]);
        only('leaked', it);
    });
    test('what was written by one who is no member', () => {
        const it = world();
        it.log.push(message(9, 'carol', 'c2'));
        it.attempts.push(asked('carol', 'c2', 9));
        only('leaked', it);
    });
});

describe('differs', () => {
    test('a body that one device saw otherwise', () => {
        const it = rightWorld();
        it.readers.push(it.reader('bob', it.log.map((event) => (event.seq === 3 ? message(3, 'bob', 'b1', 'something else') : event))));
        only('differs', it);
    });
    test('a body that all devices saw otherwise than the log', () => {
        const it = rightWorld();
        it.log[1] = { ...it.log[1], at: 'another time' };
        only('differs', it);
    });
    test('a text that is stored otherwise than it was sent', () => {
        const it = world();
        it.log[1] = message(2, 'alice', 'a1', 'forged');
        it.see('bob');
        only('differs', it);
    });
    test('an acknowledgement with another text', () => {
        const it = rightWorld();
        it.attempts[0].answers[0].text = 'forged';
        only('differs', it);
    });
});

test('a guest who comes back after a while misses nothing of what it may see, and may skip the rest', () => {
    const it = world();
    it.log.push(added(9, 'carol'), message(10, 'carol', 'c3'));
    it.attempts.push(changed('member.added', 'alice', 'carol', 2), asked('carol', 'c3', 10));
    const reader = it.see('carol', 4, 7);
    reader.live(it.log[8]);
    reader.live(it.log[9]);
    assert.deepEqual(compare(it), []);
});
