// What is broken when: the same seed gives the same schedule again.
import { random } from '../../lib/crowd.mjs';

const FIRST_MS = 1500;

/** The names in an order of their own, again and again, so that each has its turn. */
function* bag(names, next) {
    for (;;) {
        const left = [...names];
        while (left.length) yield left.splice(Math.floor(next() * left.length), 1)[0];
    }
}

/**
 * [{at, name, ms, pick}], ascending by at: milliseconds from the start, the fault, how long it lasts, and a number in [0, 1)
 * from which it takes what else it has to choose. table: name → {lasts: [least, most] seconds}.
 */
export function plan({ names, table, seconds, seed, gap = 1.5 }) {
    const next = random(seed);
    const turns = bag(names, next);
    const mean = Math.min(gap, (seconds * 0.7) / names.length) * 1000;
    const longest = seconds >= 300 ? Infinity : seconds / 6;
    const last = seconds * 1000 * 0.9;
    const faults = [];
    for (let at = names.length ? FIRST_MS : last; at < last; at += mean * (0.5 + next())) {
        const name = turns.next().value;
        const [least, most] = table[name].lasts ?? [0, 0];
        const stretch = next();
        const pick = next();
        faults.push({ at: Math.round(at), name, ms: Math.round(1000 * Math.min(longest, least + (most - least) * stretch * stretch)), pick });
    }
    return faults;
}
