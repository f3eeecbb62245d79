// What a run says while it goes on, and at its end.
import { kinds } from './history.mjs';

/** {lost: 0, doubled: 2, …} */
export function tally(findings) {
    const counts = Object.fromEntries(kinds.map((kind) => [kind, 0]));
    for (const finding of findings) counts[finding.kind]++;
    return counts;
}

export const lastLine = (findings) => Object.entries(tally(findings)).map(([kind, count]) => `${kind} ${count}`).join(' ');

/** Adds up the figures of two objects, and what lies in them; of `stillest` the larger one counts. */
export function add(into, more) {
    for (const [key, value] of Object.entries(more)) {
        if (typeof value === 'object') into[key] = add(into[key] ?? {}, value);
        else into[key] = key === 'stillest' ? Math.max(into[key] ?? 0, value) : (into[key] ?? 0) + value;
    }
    return into;
}

const sum = (counts) => Object.values(counts ?? {}).reduce((a, b) => a + b, 0);
const list = (counts) => Object.entries(counts ?? {}).sort().map(([name, count]) => `${name} ${count}`).join(', ') || 'none';

export function progress(seconds, counts, findings) {
    return `${String(Math.round(seconds)).padStart(5)} s  ${counts.messages} messages, ${counts.changes} changes, ${counts.resends} resends, ` +
        `${sum(counts.kills)} kills, ${counts.stops ?? 0} stops, ${counts.reconnects} reconnects, ${sum(counts.faults)} faults, ${findings} findings`;
}

/** The table at the end. */
export function table(seconds, counts) {
    const perSecond = (counts.acknowledged / seconds).toFixed(0);
    const rows = [
        ['time', `${Math.round(seconds)} s, ${counts.rounds} round${counts.rounds > 1 ? 's' : ''}`],
        ['messages acknowledged', `${counts.messages} (${perSecond} a second with the changes)`],
        ['changes of members and titles', counts.changes],
        ['events delivered live', counts.events],
        ['sent again', counts.resends],
        ['repeated on purpose', counts.repeats],
        ['answered as duplicates', counts.duplicates],
        ['answered unavailable', counts.unavailable],
        ['refused (no member any more)', counts.refused],
        ['voids', counts.voids],
        ['kills', `${sum(counts.kills)}: ${list(counts.kills)}`],
        ['died by themselves', counts.crashes ?? 0],
        ['ended by an assertion of libzmq', counts.assertions ?? 0],
        ['stops', counts.stops ?? 0],
        ['takeovers', counts.takeovers ?? 0],
        ['reconnects', counts.reconnects],
        ['resyncs', counts.resyncs],
        ['faults', `${sum(counts.faults)}: ${list(counts.faults)}`],
        ['longest time without an acceptance', `${(counts.stillest / 1000).toFixed(1)} s`],
    ];
    return rows.map(([what, figure]) => `  ${what.padEnd(36)} ${figure}`).join('\n');
}

/** Daemons that libzmq 4.3.4 ended, as it does when a connection under CURVE breaks at a certain moment. */
export const assertions = (log) => log.filter((line) => /Assertion failed: .*\(src\/\w+\.cpp:/.test(line)).length;

/** Daemons that ended by another signal than ours and by none of those. */
export const crashes = (log) => Math.max(0, log.filter((line) => /was killed by signal (?!9\b|15\b)/.test(line)).length - assertions(log));

/** How often the daemons' log says that another one holds partitions now, or serves for a worker, than did before. */
export function takeovers(log) {
    const holders = new Map();
    let count = 0;
    for (const line of log) {
        const [, name, what] = /who=(\S+) msg="(?:holding partitions" (mask=\w+)|serving" (worker=\S+))/.exec(line)?.filter(Boolean) ?? [];
        if (!what) continue;
        count += holders.has(what) && holders.get(what) !== name;
        holders.set(what, name);
    }
    return count;
}
