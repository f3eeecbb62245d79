// What stands in the quickstart's way is said before it installs, builds or writes anything.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const script = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../deploy/quickstart');
let folder, data, server, port;

/** Starts it with --no-install on a data folder that is not there yet; it must refuse. */
function refused(...args) {
    const { status, stderr } = spawnSync(script, ['--no-install', '--data', data, ...args], { encoding: 'utf8' });
    assert.equal(status, 1, stderr);
    assert.ok(!existsSync(data), 'nothing was written');
    return stderr;
}

before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'parley-'));
    data = path.join(folder, 'data');
    server = createServer();
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = String(server.address().port);
});
after(async () => {
    server.close();
    await rm(folder, { recursive: true });
});

test('a port that is taken is named with the program that has it', () => {
    const said = refused('--port', port);
    assert.match(said, new RegExp(`port ${port} is taken by .*\\(process ${process.pid}\\)`));
    assert.match(said, /--port N/);
});

test('a port that is no number is refused', () => {
    assert.match(refused('--port', '80a'), /from 1 to 65535, not "80a"/);
    assert.match(refused('--port', '65536'), /from 1 to 65535, not "65536"/);
    assert.match(refused('--port', '0'), /from 1 to 65535, not "0"/);
});

test('a path that is too long for the sockets in it is refused', () => {
    assert.match(refused('--data', path.join(folder, 'x'.repeat(100))), /too long a path/);
});

test('an option that does not exist is refused', () => {
    assert.match(refused('--prot', '8080'), /unknown option: --prot/);
    assert.match(refused('--port'), /--port takes a value/);
});

test('the port of an earlier start is kept', async () => {
    const old = path.join(folder, 'old');
    spawnSync('mkdir', [old]);
    await writeFile(path.join(old, 'parley.cfg'), `bus\n    dir = "run"\nedge\n    port = ${port}\n`);
    assert.match(refused('--data', old), new RegExp(`port ${port} is taken`));
});
