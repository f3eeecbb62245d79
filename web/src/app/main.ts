// The page: logged out or in, nothing else.
import { Client } from '../sdk/index.js';
import { authView } from './auth-view.js';
import { chatView } from './chat-view.js';
import './app.css';

const root = document.getElementById('app')!;
let client: Client;
let owner: string | undefined;

function start(): void {
  client = new Client();
  client.on('ended', start);
  client.resume();
  show();
}

function show(): void {
  owner = client.user?.id;
  root.replaceChildren(client.user ? chatView(client) : authView(client, show));
}

// Another tab logged in or out: this page belongs to somebody else now.
window.addEventListener('storage', () => {
  if (client.user?.id !== owner) location.reload();
});

start();
