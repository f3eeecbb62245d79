// deploy/parley.cfg is the configuration's documentation: it names every key of every daemon, with its default.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { bin } from '../lib/pipeline.mjs';

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '../..');
const daemons = ['edge', 'router', 'persist', 'notify', 'scan'];
const template = await readFile(path.join(root, 'deploy/parley.cfg'), 'utf8');

/** The keys a configuration sets, or would set without its comment signs: Map of "section/key" to the value. */
function keysOf(text) {
    const keys = new Map();
    let section;
    for (const line of text.split('\n')) {
        section = /^(\w+)$/.exec(line)?.[1] ?? section;
        const [, key, value] = /^ {4}#(\w+) = (.*)$/.exec(line) ?? [];
        if (key) keys.set(`${section}/${key}`, value.replace(/^"(.*)"$/, '$1'));
    }
    return keys;
}

/** The keys a daemon says it has: `  edge/port   … (default 8080)`. */
function keysOfDaemon(name) {
    const { stdout } = spawnSync(path.join(bin, `parley-${name}`), ['-h'], { encoding: 'utf8' });
    return [...stdout.matchAll(/^ {2}(\w+\/\w+) .*\(default (.*)\)$/gm)].map(([, key, value]) => [key, value === 'none' ? '' : value]);
}

/** The keys that all daemons share are in base/conf.c. */
async function sharedKeys() {
    const source = await readFile(path.join(root, 'base/conf.c'), 'utf8');
    const table = /shared_keys\[\] = \{(.*?)\n\};/s.exec(source)[1];
    return [...table.matchAll(/CONF_\w+\("(\w+\/\w+)",\s*"?([^",]*)"?,/g)].map(([, key, value]) => [key, value]);
}

test('every key of every daemon is in the template with its default, and no other', async () => {
    const real = new Map([...(await sharedKeys()), ...daemons.flatMap(keysOfDaemon)]);
    const without = (these, those) => [...these].filter(([key, value]) => those.get(key) !== value).map((pair) => pair.join(' = '));
    assert.ok(real.size > 40, `${real.size} keys`);
    assert.deepEqual({ missing: without(real, keysOf(template)), tooMany: without(keysOf(template), real) }, { missing: [], tooMany: [] });
});

test('the template is accepted by every daemon, as it is and with every key in force', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'parley-'));
    const file = path.join(folder, 'parley.cfg');
    for (const text of [template, template.replace(/^ {4}#(?=\w+ = )/gm, '    ')]) {
        await writeFile(file, text);
        for (const name of daemons) {
            const { status, stderr } = spawnSync(path.join(bin, `parley-${name}`), ['-t', '-c', file], { encoding: 'utf8' });
            assert.equal(status, 0, `parley-${name}: ${stderr}`);
        }
    }
    await rm(folder, { recursive: true });
});
