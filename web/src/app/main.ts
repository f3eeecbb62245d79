// The page: logged out or in, nothing else.
import { Client } from '../sdk/index.js';
import { authView } from './auth-view.js';
import { chatView } from './chat-view.js';
import './app.css';

const client = new Client();
const root = document.getElementById('app')!;

function show(): void {
  root.replaceChildren(client.user ? chatView(client) : authView(client, show));
}

client.on('ended', show);
client.resume();
show();

// Another tab logged in or out: this page belongs to somebody else now.
let owner = client.user?.id;
client.on('connection', () => (owner = client.user?.id));
window.addEventListener('storage', () => {
  if (client.user?.id !== owner) location.reload();
});
