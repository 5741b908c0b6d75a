// All that is shown of one face: the face enlarged, candidates, colors, look-alikes, tags.

import {large, portrait, thumbnail} from '/page/api.js';
import {spoken} from '/page/messages.js';
import {faces, groupOf, numberOf, others} from '/page/state.js';

const COLORS = {
  aqua: '#4fd3cf', black: '#2b2a2e', blonde: '#f2d675', blue: '#4a72e8', brown: '#80502f', green: '#3fae62',
  grey: '#9a9aa2', orange: '#f08a35', pink: '#f4a3c4', purple: '#8f5bc8', red: '#d8403f', white: '#f7f7f7',
  yellow: '#f0d340', multicolored: 'linear-gradient(90deg, #f4a3c4, #4a72e8, #3fae62)',
};
const SOURCES = {
  person: 'a person', recogniser: 'the model', gallery: 'your characters', review: 'this review',
  measured: 'seen on the face', implied: 'implied by the character', policy: 'your settings',
  'earlier run': 'an earlier run', 'deleted by a person': 'deleted by a person',
};
const element = name => document.getElementById(name);
let details = null;
let group = null; // of strangers, where it is a group that is judged
let alike = []; // faces that may be judged together with this one
let marked = 0;
let left = new Set(); // those of them that are not
let choose = () => {};

export function onChoose(callback) { choose = callback; }
export const shown = () => details;
export const candidate = place => details?.candidates[place ?? marked];
export const ticked = () => alike.map(other => other.id).filter(id => !left.has(id));

function make(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// The face at once, from what the list knows of it; the rest comes with `fill`.
export function begin(id) {
  details = null;
  element('panel').classList.add('loading');
  element('large').src = large(id);
  state(faces.get(id));
}

// What was ticked by hand stays so where the same face is shown anew.
export function fill(found) {
  const chosen = details?.id === found.id ? new Map(alike.map(other => [other.id, !left.has(other.id)])) : new Map();
  details = found;
  group = groupOf(found.id);
  alike = group ? others(group) : found.alike;
  marked = group ? -1 : 0;
  left = new Set(alike.filter(other => !(chosen.get(other.id) ?? other.ticked)).map(other => other.id));
  element('panel').classList.remove('loading');
  element('panel').classList.toggle('group', group !== null);
  element('name').placeholder = group ? 'One name for all that are ticked' : 'Somebody else? Type a name';
  paintColors();
  paintCandidates();
  paintAlike();
  paintTags();
  element('place').textContent = `${found.picture.name}  ·  ${found.picture.folder}`;
}

export function state(face) {
  const line = element('state');
  element('clear').hidden = !face.v;
  line.className = face.v ? 'said' : face.w ? 'waits' : 'sure';
  const said = {named: 'You said', unknown: 'You said: nobody known', not_a_face: 'You said: not a face'}[face.v];
  line.textContent = said ?? (face.w ? 'Not sure' : face.n ? 'Recognised as' : 'Nobody known');
  element('who').textContent = face.n ? spoken(face.n) : face.v ? '—' : 'Who is this?';
  const strangers = face.v ? null : groupOf(face.id);
  if (!strangers) return;
  line.className = 'waits';
  line.textContent = `${others(strangers).length + 1} look-alikes`;
  element('who').textContent = `Stranger ${numberOf(face.id)}`;
}

function paintColors() {
  const list = element('colors');
  list.replaceChildren();
  for (const [what, color] of [['Hair', details.hair], ['Eyes', details.eyes]]) {
    if (!color) continue;
    const [name] = color.tag.split(/_(?=hair|eyes)/);
    const swatch = make('span', 'swatch');
    swatch.style.background = COLORS[name.split('_').pop()] ?? 'none';
    const value = make('dd');
    value.append(swatch, `${spoken(name)} `, make('small', '', color.score.toFixed(2)));
    list.append(make('dt', '', what), value);
  }
}

function paintCandidates() {
  const list = element('candidates');
  list.replaceChildren(...details.candidates.map((one, place) => {
    const item = make('li');
    item.setAttribute('role', 'option');
    item.setAttribute('aria-selected', String(place === marked));
    const bar = make('span', 'score');
    const fill = make('span');
    fill.style.width = `${Math.round(one.score * 100)}%`;
    bar.append(fill);
    const samples = make('span', 'samples');
    for (const id of one.samples) samples.append(picture(thumbnail(id)));
    if (!one.samples.length) samples.append(picture(portrait(one.tag)));
    const name = make('span', 'name');
    name.append(make('b', '', spoken(one.tag)), make('small', '', spoken(one.series)));
    const text = make('span', 'text');
    text.append(name, samples);
    const right = make('span', 'right');
    const source = {review: 'you named a look-alike', gallery: 'enrolled'}[one.source];
    right.append(make('span', 'number', one.score.toFixed(2)), bar);
    if (source) right.append(make('small', '', source));
    item.append(make('kbd', '', String(place + 1)), text, right);
    item.addEventListener('click', event => choose(one, event.shiftKey));
    return item;
  }));
  if (!details.candidates.length) list.append(make('li', 'empty', 'The model has no idea who this is.'));
}

export function move(by) {
  if (!details?.candidates.length) return;
  const count = details.candidates.length;
  marked = marked < 0 ? (by > 0 ? 0 : count - 1) : (marked + by + count) % count;
  [...element('candidates').children].forEach((item, place) => {
    item.setAttribute('aria-selected', String(place === marked));
    if (place === marked) item.scrollIntoView({block: 'nearest'});
  });
  label();
}

function picture(address) {
  const image = make('img');
  image.src = address;
  image.alt = '';
  image.loading = 'lazy';
  return image;
}

function paintAlike() {
  const box = element('alike');
  box.hidden = !alike.length;
  box.querySelector('.faces').replaceChildren(...alike.map(other => {
    const button = make('button');
    button.type = 'button';
    button.title = `${Math.round(other.similarity * 100)} % alike; click to leave it out or take it in`;
    button.setAttribute('aria-pressed', String(!left.has(other.id)));
    button.append(picture(thumbnail(other.id)));
    button.addEventListener('click', () => {
      if (left.has(other.id)) left.delete(other.id); else left.add(other.id);
      button.setAttribute('aria-pressed', String(!left.has(other.id)));
      button.blur();
      label();
    });
    return button;
  }));
  label();
}

function heading(count) {
  if (group) return `${count} of ${alike.length + 1} are ticked and get the name`;
  const sure = alike.filter(other => other.ticked).length;
  const perhaps = alike.length - sure;
  const looks = sure === 1 ? '1 more looks like this' : `${sure}${sure === MAX_ALIKE ? ' and more' : ' more'} look like this`;
  if (!sure) return `${perhaps} may look like this`;
  return perhaps ? `${looks}, ${perhaps} perhaps` : looks;
}

// The buttons: this face first, then all that are ticked, which a guess of a low score is not offered for.
function label() {
  const count = ticked().length + 1;
  const one = candidate();
  element('alike').querySelector('h3').textContent = heading(count);
  const first = element('one');
  const text = one ? `${group ? `All ${count} are` : 'It is'} ${spoken(one.tag)}` : group ? `Name these ${count} faces` : 'Type a name';
  first.replaceChildren(make('span', '', text), make('kbd', '', one ? 'Enter' : '/'));
  const all = element('all');
  all.hidden = Boolean(group) || count === 1 || !one?.bulk;
  if (one) all.replaceChildren(make('span', '', `All ${count} are ${spoken(one.tag)}`), make('kbd', '', 'Shift Enter'));
}

const MAX_ALIKE = 200; // the server shows no more of them at once
const FIRST = ['character', 'copyright', 'artist'];

function paintTags() {
  const rank = tag => (FIRST.indexOf(tag.category) + FIRST.length + 1) % (FIRST.length + 1);
  const tags = details.tags.toSorted((one, other) => rank(one) - rank(other));
  element('tags').replaceChildren(...tags.map(tag => {
    const source = SOURCES[tag.source] ?? tag.source;
    const item = make('li', `from-${tag.source.replaceAll(' ', '-')}`, spoken(tag.tag));
    item.append(make('small', '', source));
    return item;
  }));
}
