import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeStorage } from './fake-storage.mjs';
import { sdk } from './sdk.mjs';

const { ParleyError, Session } = sdk;

const user = { id: 'u1', username: 'ada', displayName: 'Ada', createdAt: '' };
const pair = (n, expiresIn = 900) => ({
  user,
  accessToken: `access ${n}`,
  expiresIn,
  refreshToken: `refresh ${n}`,
});

/** A session begun at second 0 on a server that hands out pair 2, 3 … and writes down what it was asked. */
function fixture(answer = (n) => pair(n)) {
  const requests = [];
  const clock = { ms: 0 };
  const storage = new FakeStorage();
  const http = async (request) => {
    requests.push(request);
    return answer(requests.length + 1);
  };
  const tab = () => new Session(http, storage, () => clock.ms);
  const session = tab();

  session.start(pair(1));
  return { session, tab, requests, clock };
}

test('a token is used until shortly before its end, then renewed', async () => {
  const { session, requests, clock } = fixture();

  clock.ms = 869_000;
  assert.equal(await session.token(), 'access 1');
  clock.ms = 871_000;
  assert.equal(await session.token(), 'access 2');
  assert.deepEqual(
    requests.map(({ body }) => body.refreshToken),
    ['refresh 1'],
  );
});

test('whoever asks at the same time shares one refresh', async () => {
  const { session, requests } = fixture();
  const tokens = await Promise.all([session.renew(), session.renew(), session.renew()]);

  assert.deepEqual(tokens, ['access 2', 'access 2', 'access 2']);
  assert.equal(requests.length, 1);
});

test("a tab takes over another tab's newer token", async () => {
  const { session, tab, requests } = fixture();
  const other = tab();

  await other.renew('access 1');
  assert.equal(await session.renew('access 1'), 'access 2');
  assert.equal(requests.length, 1);
});

test('a repeat after a lost answer carries the same token and the same key', async () => {
  const { session, requests } = fixture((n) => {
    if (n === 2) throw new ParleyError({ code: 'network', message: 'lost' });
    return pair(n);
  });

  assert.equal(await session.renew(), 'access 3');
  assert.deepEqual(requests[0], requests[1]);
  await session.renew();
  assert.notEqual(requests[2].idempotencyKey, requests[1].idempotencyKey);
});

test('a refused refresh token ends the session', async () => {
  const { session } = fixture(() => {
    throw new ParleyError({ code: 'unauthorized', message: 'used before' }, 401);
  });
  let ended = 0;

  session.on('ended', () => ended++);
  await assert.rejects(session.renew(), { code: 'unauthorized' });
  assert.equal(ended, 1);
  assert.equal(session.user, null);
});

test('a server that cannot be reached does not end the session', async () => {
  const { session } = fixture(() => {
    throw new ParleyError({ code: 'forbidden', message: 'a proxy' }, 403);
  });

  await assert.rejects(session.renew());
  assert.equal(session.user.id, 'u1');
});
