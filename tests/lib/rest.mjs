// REST calls as a client makes them.

/** {status, headers, body}; body parsed when it is JSON. */
export async function call(url, method, path, { token, body, headers = {} } = {}) {
    const response = await fetch(url + path, {
        method,
        headers: {
            ...(token ? { authorization: `Bearer ${token}` } : {}),
            ...(body !== undefined ? { 'content-type': 'application/json' } : {}),
            ...headers,
        },
        body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    let parsed = text;
    try { parsed = JSON.parse(text); } catch { /* not JSON */ }
    return { status: response.status, headers: response.headers, body: parsed };
}

/** The same, but anything else than a 2xx throws; gives the body. */
export async function must(url, method, path, options) {
    const answer = await call(url, method, path, options);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
}

export async function conversation(url, token, memberIds, options = {}) {
    return must(url, 'POST', '/api/conversations', {
        token, body: { kind: memberIds.length > 1 || options.title ? 'group' : 'direct', memberIds, clientId: options.clientId ?? `c-${Math.random()}`, ...options },
    });
}

/** A conversation's whole log, page by page. */
export async function log(url, token, id) {
    const events = [];
    for (let after = 0; ;) {
        const page = await must(url, 'GET', `/api/conversations/${id}/events?after=${after}&limit=200`, { token });
        events.push(...page.events);
        if (!page.more) return events;
        after = page.events.at(-1).seq;
    }
}
