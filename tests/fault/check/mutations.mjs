// What clients do, one line each. A row says how often (share), who may (by), to whom, how it is asked for, and what it
// leaves in the log (event). A new one needs a line here and, for a new kind of event, one in `marks`.

/** How an event of the log is known to be what was asked for; together with its kind and its actor. */
export const marks = {
    'message.created': (event) => event.message?.clientId,
    'conversation.updated': (event) => event.title,
    'member.added': (event) => event.userId,
    'member.removed': (event) => event.userId,
};

const message = (a) => ({ conversationId: a.conversationId, clientId: a.clientId, text: a.text });
const socket = (name, body) => ({ by: 'socket', name, body });
const rest = (method, path, body) => ({ by: 'rest', method, path, body });
const members = (a) => `/api/conversations/${a.conversationId}/members`;

const send = socket('message:send', message);
const sendByRest = rest('POST', () => '/api/messages', message);
const add = rest('POST', members, (a) => ({ userIds: [a.target] }));
const remove = rest('DELETE', (a) => `${members(a)}/${a.target}`);
const rename = rest('PATCH', (a) => `/api/conversations/${a.conversationId}`, (a) => ({ title: a.mark }));

export const mutations = {
    send: { share: 760, who: 'anybody', call: send, event: 'message.created' },
    'send and repeat on another edge': { share: 80, who: 'anybody', call: send, event: 'message.created', again: 'elsewhere' },
    'send and repeat by REST': { share: 30, who: 'anybody', call: send, event: 'message.created', again: 'by REST', repeat: sendByRest },
    'repeat after a long time': { share: 30, who: 'anybody', call: send, event: 'message.created', again: 'late' },
    'send by REST': { share: 70, who: 'anybody', call: sendByRest, event: 'message.created' },
    'add a member': { share: 12, who: 'owner', call: add, event: 'member.added', enters: true },
    'remove a member': { share: 8, who: 'owner', call: remove, event: 'member.removed', enters: false },
    leave: { share: 4, who: 'guest', call: remove, event: 'member.removed', enters: false },
    rename: { share: 6, who: 'owner', call: rename, event: 'conversation.updated' },
};
