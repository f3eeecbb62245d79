// Recordings, as the tool makes them, and what stores have of the same conversations.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { bin, run, until } from './pipeline.mjs';

/** `parley record`, running. */
export class Recorder {
    static async start(pipeline, file, ...options) {
        const self = new Recorder();
        self.child = spawn(path.join(bin, 'parley'), ['record', '-c', pipeline.config, ...options, file], { stdio: ['ignore', 'pipe', 'pipe'] });
        self.text = '';
        for (const stream of [self.child.stdout, self.child.stderr]) stream.on('data', (chunk) => { self.text += chunk; });
        self.ended = new Promise((resolve) => self.child.on('exit', (code) => { self.gone = true; resolve(code); }));
        await until('the recorder has begun', () => {
            if (self.gone) throw new Error(self.text);
            return self.text.includes('recording into');
        });
        return self;
    }

    /** As Ctrl-C does; gives the exit status. */
    async stop() {
        this.child.kill('SIGINT');
        return this.ended;
    }
}

/** What `parley recording --json` says, with its exit status as code. */
export async function recordingOf(file, { list = false } = {}) {
    const { code, stdout, stderr } = await run(path.join(bin, 'parley'), ['recording', '--json', ...(list ? ['--conversations'] : []), file]);
    return { ...(stdout ? JSON.parse(stdout) : {}), code, stderr };
}

export async function conversationsOf(file) {
    return (await recordingOf(file, { list: true })).list.map((one) => one.id);
}

/** {code, stdout, stderr, pushed, again, stood, differences} */
export async function replay(pipeline, file, ...options) {
    const result = await pipeline.parley(['replay', '--speed', 'max', ...options, file], { ms: 300000 });
    const number = (pattern) => Number(result.stdout.match(pattern)?.[1]);
    return {
        ...result, pushed: number(/(\d+) posts pushed/), again: number(/\((\d+) of them/),
        stood: number(/(\d+) stood/), differences: number(/(\d+) differences/),
    };
}

/** Logs, members, what each member may read, conversations as listed: all that a store tells of these conversations, as text. */
export async function dump(pipeline, ids) {
    const { code, stdout, stderr } = await run(path.join(bin, 'parley-dump'), [pipeline.config], { input: ids.map((id) => `${id}\n`).join(''), ms: 300000 });
    assert.equal(code, 0, stderr);
    return stdout;
}

/** The first line in which two dumps differ; undefined: none. */
export function difference(a, b) {
    const left = a.split('\n');
    const right = b.split('\n');
    const at = left.findIndex((line, i) => line !== right[i]);
    if (at < 0 && left.length === right.length) return undefined;
    return `line ${at}: ${left[at]} | ${right[at]}`.slice(0, 2000);
}

export function digest(text) {
    return createHash('sha256').update(text).digest('hex');
}

/** How many events stand in a dump. */
export function eventsIn(text) {
    return text.split('\n').filter((line) => / event \d+ /.test(line)).length;
}
