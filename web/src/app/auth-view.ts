// Log in or register: one card, two forms.
import { ParleyError, type Client } from '../sdk/index.js';
import { el, type Attributes } from './dom.js';
import { errorWords } from './words.js';

interface Form {
  title: string;
  fields: HTMLElement[];
  submit: { testid: string; words: string };
  other: { testid: string; question: string; words: string; open: () => void };
  run: (value: (name: string) => string) => Promise<void>;
}

/** `onDone` is called when the client has a session. */
export function authView(client: Client, onDone: () => void): HTMLElement {
  const card = el('section', { class: 'card' });
  const show = (form: Form) => {
    card.replaceChildren(brand(), formElement(form, onDone));
    card.querySelector('input')?.focus();
  };
  const showLogin = (): void => show(loginForm(client, showRegister));
  const showRegister = (): void => show(registerForm(client, showLogin));

  showLogin();
  return el('main', { class: 'auth' }, card);
}

function loginForm(client: Client, open: () => void): Form {
  return {
    title: 'Welcome back',
    fields: [
      field('Username or e-mail', {
        name: 'login',
        testid: 'login-login',
        autocomplete: 'username',
      }),
      field('Password', {
        name: 'password',
        type: 'password',
        testid: 'login-password',
        autocomplete: 'current-password',
      }),
    ],
    submit: { testid: 'login-submit', words: 'Log in' },
    other: { testid: 'show-register', question: 'New here?', words: 'Create an account', open },
    run: (value) => client.login(value('login').trim(), value('password')),
  };
}

function registerForm(client: Client, open: () => void): Form {
  const hint = '3 to 32 of a–z, 0–9, dot, underscore, hyphen';

  return {
    title: 'Create an account',
    fields: [
      field(
        'Username',
        { name: 'username', testid: 'register-username', autocomplete: 'username' },
        hint,
      ),
      field('E-mail', {
        name: 'email',
        type: 'email',
        testid: 'register-email',
        autocomplete: 'email',
      }),
      field('Password', {
        name: 'password',
        type: 'password',
        testid: 'register-password',
        autocomplete: 'new-password',
      }),
    ],
    submit: { testid: 'register-submit', words: 'Create account' },
    other: { testid: 'show-login', question: 'Already have an account?', words: 'Log in', open },
    run: (value) =>
      client.register({
        username: value('username').trim().toLowerCase(),
        email: value('email').trim(),
        password: value('password'),
      }),
  };
}

function brand(): HTMLElement {
  return el(
    'header',
    { class: 'brand' },
    el('span', { class: 'brand-mark', 'aria-hidden': 'true' }),
    'Parley',
  );
}

function field(label: string, attributes: Attributes, hint?: string): HTMLElement {
  const input = el('input', {
    type: 'text',
    required: true,
    autocapitalize: 'none',
    spellcheck: 'false',
    ...attributes,
  });

  return el(
    'label',
    { class: 'field' },
    el('span', { class: 'field-label' }, label),
    input,
    hint ? el('span', { class: 'field-hint' }, hint) : null,
  );
}

function formElement(form: Form, onDone: () => void): HTMLElement {
  const problem = el('p', { class: 'problem', role: 'alert', testid: 'auth-error', hidden: true });
  const submit = el(
    'button',
    { class: 'primary', type: 'submit', testid: form.submit.testid },
    form.submit.words,
  );
  const other = el(
    'button',
    { class: 'link', type: 'button', testid: form.other.testid },
    form.other.words,
  );
  const node = el(
    'form',
    { class: 'auth-form' },
    el('h1', {}, form.title),
    ...form.fields,
    problem,
    submit,
    el('p', { class: 'aside' }, `${form.other.question} `, other),
  );

  other.addEventListener('click', form.other.open);
  node.addEventListener('submit', async (event) => {
    event.preventDefault();
    const data = new FormData(node);

    submit.disabled = true;
    problem.hidden = true;
    try {
      await form.run((name) => String(data.get(name) ?? ''));
      onDone();
    } catch (error) {
      problem.textContent = authWords(error);
      problem.hidden = false;
      submit.disabled = false;
    }
  });
  return node;
}

function authWords(error: unknown): string {
  const code = error instanceof ParleyError ? error.code : '';

  if (code === 'unauthorized') return 'The username or the password is wrong.';
  if (code === 'conflict') return 'This username or e-mail address is already taken.';
  return errorWords(error);
}
