// Type-ahead over all characters: those known and enrolled, and those that were named here.

import {portrait} from '/page/api.js';
import {spoken} from '/page/messages.js';

const MOST = 8;
const input = document.getElementById('name');
const found = document.getElementById('found');
let names = new Map(); // name -> {series, trained}
let matches = [];
let place = 0;
let take = () => {};

export function load(rows) {
  names = new Map(rows.map(([name, series, trained]) => [name, {series, trained}]));
  offer();
}

function offer() {
  document.getElementById('names').replaceChildren(...[...names.keys()].map(name => new Option(name)));
}

export function onTake(callback) { take = callback; }

export const isTrained = name => names.get(name)?.trained ?? false;

export function add(name) {
  if (names.has(name)) return;
  names.set(name, {series: '', trained: false});
  offer();
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

// Names that begin with what was typed, then those with a word that does, those that contain it, and last
// those whose series does.
function ranked(text) {
  const parts = [[], [], [], []];
  for (const [name, {series}] of names) {
    const at = name.indexOf(text);
    if (at === 0) parts[0].push(name);
    else if (at > 0) parts['_('.includes(name[at - 1]) ? 1 : 2].push(name);
    else if (series.includes(text)) parts[3].push(name);
  }
  return parts.flat();
}

function search() {
  const text = plain(input.value);
  if (!text) { close(); return; }
  const known = ranked(text);
  matches = known.slice(0, MOST).map(name => ({name, isNew: false}));
  if (!names.has(text)) matches.push({name: text, isNew: true});
  place = 0;
  open();
}

function row({name, isNew}, index) {
  const item = document.createElement('li');
  item.id = `found-${index}`;
  item.setAttribute('role', 'option');
  const image = document.createElement('img');
  image.alt = '';
  image.src = portrait(isNew ? '' : name);
  const text = document.createElement('span');
  text.textContent = spoken(name);
  const note = document.createElement('small');
  note.textContent = isNew ? 'new name' : spoken(names.get(name).series);
  item.append(image, text, note);
  item.addEventListener('pointerdown', event => { event.preventDefault(); choose(index, event.shiftKey); });
  return item;
}

function open() {
  found.hidden = false;
  input.setAttribute('aria-expanded', 'true');
  found.replaceChildren(...matches.map(row));
  mark();
}

function mark() {
  [...found.children].forEach((item, index) => item.setAttribute('aria-selected', String(index === place)));
  found.children[place]?.scrollIntoView({block: 'nearest'});
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
  else if (event.key === 'ArrowDown' && matches.length) { place = (place + 1) % matches.length; mark(); }
  else if (event.key === 'ArrowUp' && matches.length) {
    place = (place + matches.length - 1) % matches.length;
    mark();
  } else return;
  event.preventDefault();
});
