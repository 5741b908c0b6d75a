// Type-ahead over all characters.

const MOST = 8;
const input = document.getElementById('name');
const found = document.getElementById('found');
let names = [];
let matches = [];
let place = 0;
let take = () => {};

export function load(list) {
  names = list;
  document.getElementById('names').replaceChildren(...list.map(name => new Option(name)));
}

export function onTake(callback) { take = callback; }

export function add(name) {
  if (!names.includes(name)) load([...names, name].sort());
}

export function focus() {
  input.focus();
  input.select();
}

export function reset() {
  input.value = '';
  if (document.activeElement === input) input.blur();
  close();
}

const plain = text => text.trim().toLowerCase().replaceAll(/[\s_]+/g, '_');

// Names that begin with what was typed, then those with a word that does, then those that contain it.
function ranked(text) {
  const parts = [[], [], []];
  for (const name of names) {
    const at = name.indexOf(text);
    if (at === 0) parts[0].push(name);
    else if (at > 0) parts['_('.includes(name[at - 1]) ? 1 : 2].push(name);
  }
  return parts.flat();
}

function search() {
  const text = plain(input.value);
  if (!text) { close(); return; }
  const known = ranked(text).slice(0, MOST);
  matches = known.map(name => ({name, isNew: false}));
  if (!known.includes(text)) matches.push({name: text, isNew: true});
  place = 0;
  open();
}

function open() {
  found.hidden = false;
  input.setAttribute('aria-expanded', 'true');
  found.replaceChildren(...matches.map(({name, isNew}, index) => {
    const item = document.createElement('li');
    item.id = `found-${index}`;
    item.setAttribute('role', 'option');
    item.setAttribute('aria-selected', String(index === place));
    item.textContent = name.replaceAll('_', ' ');
    if (isNew) {
      const note = document.createElement('small');
      note.textContent = 'new name';
      item.append(note);
    }
    item.addEventListener('pointerdown', event => { event.preventDefault(); choose(index, event.shiftKey); });
    return item;
  }));
  input.setAttribute('aria-activedescendant', `found-${place}`);
}

function close() {
  matches = [];
  found.hidden = true;
  input.setAttribute('aria-expanded', 'false');
  input.removeAttribute('aria-activedescendant');
}

function choose(index, all) {
  const {name} = matches[index];
  add(name);
  reset();
  take(name, all);
}

input.addEventListener('input', search);
input.addEventListener('focus', search);
input.addEventListener('blur', close);
input.addEventListener('keydown', event => {
  event.stopPropagation();
  if (event.isComposing) return;
  if (event.key === 'Escape') reset();
  else if (event.key === 'Enter' && matches.length) choose(place, event.shiftKey);
  else if (event.key === 'ArrowDown' && matches.length) { place = (place + 1) % matches.length; open(); }
  else if (event.key === 'ArrowUp' && matches.length) {
    place = (place + matches.length - 1) % matches.length;
    open();
  } else return;
  event.preventDefault();
});
