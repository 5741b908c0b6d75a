// Asking whether new characters are to be enrolled, and looking for them again.

import * as api from '/page/api.js';
import {say, spoken} from '/page/messages.js';

const element = name => document.getElementById(name);
const dialog = element('enrol');
const yes = element('enrol-yes');
const no = element('enrol-no');
const known = new Map(); // by name, how many named faces were learned from
let teachable = {};
let asked = [];
let begun = () => {};

export function onAgain(callback) { begun = callback; }

const fresh = () => Object.keys(teachable).filter(tag => teachable[tag] > (known.get(tag) ?? 0));

// What could be learned, as the server says with each answer.
export function learnable(found) {
  teachable = found ?? {};
  const tags = fresh();
  const button = element('teach');
  button.hidden = tags.length === 0;
  button.replaceChildren(`Learn ${tags.length}`);
  const rest = document.createElement('span');
  rest.className = 'wide';
  rest.textContent = tags.length === 1 ? ' new character' : ' new characters';
  button.append(rest);
  button.title = 'Enrol them from the faces that you named, so that they are found from now on';
}

export function ask(tags = fresh()) {
  if (!tags.length) return;
  asked = tags;
  element('enrol-title').textContent = tags.length === 1 ? `Enrol ${spoken(tags[0])}?` : `Enrol ${tags.length} characters?`;
  element('enrol-text').textContent = `${tags.length > 1 ? `${tags.map(spoken).join(', ')}. ` : ''}`
    + 'The program learns the character from the faces that you named, and looks for it among the others here.'
      .replace('the character', tags.length === 1 ? 'the character' : 'these characters')
      .replace('for it', tags.length === 1 ? 'for it' : 'for them');
  doubt('');
  dialog.showModal();
  yes.focus();
}

// With a warning, "yes" means that the faces are right all the same.
function doubt(warning) {
  element('enrol-warning').hidden = !warning;
  element('enrol-warning').textContent = warning;
  yes.firstChild.textContent = warning ? 'Enrol all the same ' : 'Enrol and tag again ';
  yes.disabled = false;
  dialog.dataset.confirm = warning ? 'yes' : '';
  if (warning) no.focus();
}

async function enrol() {
  yes.disabled = true;
  try {
    const answer = await api.post('/api/teach', {tags: asked, confirm: dialog.dataset.confirm === 'yes'});
    if (answer.warning) { doubt(answer.warning); return; }
    for (const tag of asked) known.set(tag, teachable[tag] ?? answer.teachable[tag]);
    learnable(answer.teachable);
    const list = Object.entries(answer.characters)
      .map(([tag, added]) => `${spoken(tag)} (${added.toLocaleString()} ${added === 1 ? 'face' : 'faces'} added)`);
    say(`Enrolled: ${list.join(', ')}.`);
    await api.post('/api/again', {tags: Object.keys(answer.characters)});
    begun();
  } catch (error) {
    say(error.message, true);
  }
  dialog.close();
}

dialog.querySelector('form').addEventListener('submit', event => {
  if (event.submitter !== yes) return;
  event.preventDefault();
  enrol();
});
