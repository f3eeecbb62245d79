// The proxy that poses as a replica set, by MongoDB's own driver.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MongoClient } from 'mongodb';
import { patience, until } from '../lib/pipeline.mjs';
import { mongodb } from '../lib/stores.mjs';
import { MongoProxy } from './mongo_proxy.mjs';

const concern = { writeConcern: { w: 'majority', journal: true } };
let server;
let proxy;
let client;

before(async () => {
    server = process.env.PARLEY_TEST_MONGODB_URI ? { skip: 'the proxy is tried on a server of its own' } : await mongodb();
});
after(() => server.stop?.());

/** A test with a proxy and a client through it; `collection` is empty. */
function proxyTest(name, fn) {
    test(name, async (t) => {
        if (server.skip) return t.skip(server.skip);
        proxy = await MongoProxy.start(server.uri, { members: 2 });
        client = new MongoClient(proxy.uri, { serverSelectionTimeoutMS: 10000 * patience, heartbeatFrequencyMS: 500, connectTimeoutMS: 2000 * patience });
        try {
            const collection = client.db('parley_proxy_test').collection(`c${process.pid}_${Date.now()}`, concern);
            await collection.insertOne({ _id: 0 });
            await fn(collection, t);
        } finally {
            await client.close();
            await proxy.stop();
        }
        return undefined;
    });
}

/** Inserts as a careful client does: again after any error but the one that says that it is there. */
async function insert(collection, document) {
    await until(`${document._id} is stored`, () => collection.insertOne(document).then(() => true, (error) => error.code === 11000));
}

const count = (collection) => collection.countDocuments({});
const hosts = () => proxy.members.slice(0, -1).map((member) => `127.0.0.1:${member.port}`);
const ask = (member, command) => {
    const direct = new MongoClient(`mongodb://127.0.0.1:${member.port}/?directConnection=true`, { retryWrites: false });
    return direct.db('admin').command(command).finally(() => direct.close());
};

proxyTest('one of its members is the primary, the others say which', async () => {
    for (const [i, member] of proxy.members.entries()) {
        const hello = await ask(member, { hello: 1 });
        assert.equal(hello.setName, 'parley');
        assert.deepEqual(hello.hosts, hosts());
        assert.equal(hello.me, `127.0.0.1:${member.port}`);
        assert.equal(hello.primary, hosts()[0]);
        assert.equal(hello.isWritablePrimary, i === 0);
        assert.equal(hello.secondary, i === 1);
        assert.equal(hello.arbiterOnly, i === 2 ? true : undefined);
        assert.equal(Boolean(hello.electionId), i === 0);
    }
});

proxyTest('an awaitable hello is answered when something changes, and not before its time otherwise', async () => {
    const { topologyVersion } = await ask(proxy.members[1], { hello: 1 });
    const started = Date.now();
    assert.equal((await ask(proxy.members[1], { hello: 1, topologyVersion, maxAwaitTimeMS: 300 })).isWritablePrimary, false);
    assert.ok(Date.now() - started >= 290);
    const waiting = ask(proxy.members[1], { hello: 1, topologyVersion, maxAwaitTimeMS: 60000 });
    setTimeout(() => proxy.stepDown(), 200);
    assert.equal((await waiting).isWritablePrimary, true);
});

proxyTest('a member that is not the primary refuses writes and reads', async () => {
    await assert.rejects(ask(proxy.members[1], { insert: 'c', documents: [{ _id: 1 }] }), { code: 10107 });
    await assert.rejects(ask(proxy.members[2], { find: 'c' }), { code: 13435 });
    assert.equal(proxy.counts.refusedWrites, 1);
});

proxyTest('the primary steps down when it is told to', async (collection) => {
    await client.db('admin').command({ replSetStepDown: 10, force: true });
    await insert(collection, { _id: 1 });
    assert.equal(proxy.primary, 1);
});

proxyTest('writes with majority and journal go through, and go on after it stepped down and after the primary moved', async (collection) => {
    for (let n = 1; n <= 12; n++) {
        if (n % 4 === 2) proxy.stepDown();
        if (n % 4 === 0) await proxy.moved();
        await insert(collection, { _id: n });
    }
    assert.equal(await count(collection), 13);
    assert.equal(proxy.counts.unsafe, 0);
    assert.equal(proxy.counts.stepDowns, 3);
    assert.equal(proxy.counts.moves, 3);
    const another = new MongoClient(proxy.uri, { serverSelectionTimeoutMS: 10000 * patience });
    assert.equal(await another.db(collection.dbName).collection(collection.collectionName).countDocuments({}), 13); // by the arbiter
    await another.close();
});

proxyTest('while there is no primary a write waits for one', async (collection) => {
    proxy.stepDown({ gapMs: 700 });
    const started = Date.now();
    await collection.insertOne({ _id: 1 });
    assert.ok(Date.now() - started >= 600);
});

proxyTest('a write under way at the step-down is done and answered as interrupted', async (collection, t) => {
    for (const [id, wanted] of [[1, { code: 11602 }], [2, { code: 189 }]]) {
        proxy.slow(300);
        const writing = new MongoClient(proxy.uri, { retryWrites: false });
        t.after(() => writing.close());
        const doing = writing.db(collection.dbName).collection(collection.collectionName, concern).insertOne({ _id: id });
        doing.catch(() => {});
        await until('the write is under way', () => [...proxy.links].some((link) => [...link.pending.values()].some((one) => one.write)));
        proxy.stepDown();
        proxy.slow(0);
        await assert.rejects(doing, wanted);
        await until('it is done', async () => (await collection.findOne({ _id: id })) !== null);
    }
    assert.equal(proxy.counts.interrupted, 2);
});

proxyTest('a write cut in the middle is done, and its client does not hear of it', async (collection) => {
    proxy.cutMidWrite(1);
    const once = new MongoClient(proxy.uri, { retryWrites: false });
    await assert.rejects(once.db(collection.dbName).collection(collection.collectionName, concern).insertOne({ _id: 1 }), { name: /Network/ });
    await once.close();
    assert.equal(await count(collection), 2);
    assert.equal(proxy.counts.lost, 1);
});

proxyTest('a write cut in the middle can be late', async (collection) => {
    proxy.cutMidWrite(1, { late: 300, collection: collection.collectionName });
    const once = new MongoClient(proxy.uri, { retryWrites: false });
    await assert.rejects(once.db(collection.dbName).collection(collection.collectionName, concern).insertOne({ _id: 1 }), { name: /Network/ });
    await once.close();
    assert.equal(await count(collection), 1);
    await until('the write has come', async () => (await count(collection)) === 2);
});

proxyTest('a write can be done and not confirmed by a majority', async (collection) => {
    proxy.failConcerns(1);
    await assert.rejects(collection.insertOne({ _id: 1 }), { code: 64 });
    assert.equal(await count(collection), 2);
    await collection.insertOne({ _id: 2 });
});

proxyTest('what is cut off comes back when it is healed, and what was held back by a silent cut arrives', async (collection) => {
    proxy.cut();
    const writing = collection.insertOne({ _id: 1 });
    setTimeout(() => proxy.heal(), 500);
    await writing;
    proxy.cut({ silent: true });
    const held = collection.insertOne({ _id: 2 });
    setTimeout(() => proxy.heal(), 500);
    await held;
    proxy.slow(100);
    const started = Date.now();
    assert.equal(await count(collection), 3);
    assert.ok(Date.now() - started >= 190);
});
