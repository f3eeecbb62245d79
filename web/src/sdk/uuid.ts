// Time-ordered ids (UUIDv7). The server's store is fastest when a client's ids ascend, and the outbox sorts by them.

const SEQUENCE_LIMIT = 0x1000; // 12 bits after the time

let lastMs = 0;
let sequence = 0;

/** Ids made by one page sort in the order in which they were made, also within a millisecond. */
export function uuidv7(now = Date.now()): string {
  if (now > lastMs) {
    lastMs = now;
    sequence = 0;
  } else if (++sequence === SEQUENCE_LIMIT) {
    lastMs++;
    sequence = 0;
  }
  const random = crypto.getRandomValues(new Uint8Array(8)); // randomUUID needs a secure context
  random[0] = (random[0]! & 0x3f) | 0x80;
  const time = lastMs.toString(16).padStart(12, '0');
  const tail = Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');

  return [
    time.slice(0, 8),
    time.slice(8),
    `7${sequence.toString(16).padStart(3, '0')}`,
    tail.slice(0, 4),
    tail.slice(4),
  ].join('-');
}
