// The chat page in a real Chromium: two people register, talk, reload.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { bin, patience, Pipeline, until } from '../lib/pipeline.mjs';

const shots = path.resolve(bin, '../test-screenshots');
const chrome = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
let pipeline, browser, url;

before(async () => {
    await mkdir(shots, { recursive: true });
    // PARLEY_URL: a page that is already there, the quickstart's for one.
    if (!process.env.PARLEY_URL) pipeline = await new Pipeline({ config: { edge: { web: path.resolve(bin, '../web') } } }).start();
    url = process.env.PARLEY_URL ?? pipeline.urls[0];
    browser = await chromium.launch({
        executablePath: chrome,
        args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
    });
});
after(async () => {
    await browser?.close();
    await pipeline?.stop();
});

const stamp = Date.now().toString(36);
const errors = [];

/** A person in a browser context of their own, registered. */
async function register(name) {
    const context = await browser.newContext({ viewport: { width: 1100, height: 720 } });
    const page = await context.newPage();
    page.setDefaultTimeout(15000 * patience);
    page.on('pageerror', (error) => errors.push(`${name}: ${error}`));
    await page.goto(url);
    const at = (id) => page.getByTestId(id);
    if (!(await at('register-username').isVisible())) await at('show-register').click();
    await at('register-username').fill(name);
    await at('register-email').fill(`${name}@example.org`);
    await at('register-password').fill(`password of ${name}`);
    await at('register-submit').click();
    await at('new-conversation').waitFor();
    return { name, page, at };
}

async function say(person, text) {
    await person.at('composer').fill(text);
    await person.at('composer').press('Enter');
}

const sees = (person, text) => person.page.getByTestId('message').filter({ hasText: text }).first().waitFor();

let alice, bob;

test('two people register, start a conversation and see each other\'s messages at once', async () => {
    alice = await register(`alice-${stamp}`);
    bob = await register(`bob-${stamp}`);
    await alice.at('new-conversation').click();
    await alice.at('search-user').fill(`bob-${stamp}`);
    await alice.at('search-result').filter({ hasText: `bob-${stamp}` }).first().click();
    await alice.at('start-conversation').click();
    await alice.at('composer').waitFor();
    await say(alice, 'Hello Bob, do you read me?');
    await sees(alice, 'Hello Bob, do you read me?');
    await bob.at('conversation').first().click();
    await sees(bob, 'Hello Bob, do you read me?');
    await say(bob, 'Loud and clear, Alice!');
    await sees(alice, 'Loud and clear, Alice!');
    await sees(bob, 'Loud and clear, Alice!');
    await alice.page.screenshot({ path: path.join(shots, 'alice.png') });
    await bob.page.screenshot({ path: path.join(shots, 'bob.png') });
});

test('a reload keeps the login and shows the history', async () => {
    await bob.page.reload();
    await bob.at('conversation').first().click();
    await sees(bob, 'Hello Bob, do you read me?');
    await sees(bob, 'Loud and clear, Alice!');
    const seqs = await bob.page.getByTestId('message').evaluateAll((all) => all.map((one) => Number(one.dataset.seq)));
    assert.deepEqual(seqs, [...seqs].sort((a, b) => a - b));
    await bob.page.screenshot({ path: path.join(shots, 'bob-reloaded.png') });
});

test('what looks like HTML is shown as it was written', async () => {
    const text = '<img src=x onerror="document.title=1"> & <b>bold</b>';
    await say(alice, text);
    await sees(bob, text);
    assert.notEqual(await bob.page.title(), '1');
});

test('scrolling up loads what is older', async () => {
    for (let n = 1; n <= 70; n++) await say(alice, `line ${n} of many`);
    await sees(bob, 'line 70 of many');
    await alice.page.reload();
    await alice.at('conversation').first().click();
    await sees(alice, 'line 70 of many');
    await until('the first message is loaded', async () => {
        await alice.page.getByTestId('message').first().scrollIntoViewIfNeeded();
        await alice.page.mouse.move(700, 300);
        await alice.page.mouse.wheel(0, -3000);
        return (await alice.page.getByTestId('message').filter({ hasText: 'Hello Bob, do you read me?' }).count()) > 0;
    });
});

test('the page comes back by itself when the daemons are killed', { skip: process.env.PARLEY_URL ? 'not our daemons' : false }, async () => {
    for (const name of ['edge', 'router', 'persist']) await pipeline.signal(name);
    await say(alice, 'sent while everything was down');
    await sees(bob, 'sent while everything was down');
    await until('both are connected', async () => (await alice.at('connection').textContent()) === (await bob.at('connection').textContent()));
});

test('logging out leads back to the login, which works', async () => {
    await bob.at('logout').click();
    await bob.at('login-login').waitFor();
    await bob.at('login-login').fill(bob.name);
    await bob.at('login-password').fill('wrong password');
    await bob.at('login-submit').click();
    await bob.page.getByText(/password|unauthori[sz]ed|wrong/i).first().waitFor();
    await bob.at('login-password').fill(`password of ${bob.name}`);
    await bob.at('login-submit').click();
    await bob.at('conversation').first().waitFor();
    assert.deepEqual(errors, []);
});
