// The review page: one face at a time, one keystroke each.

import * as api from '/page/api.js';
import * as boxes from '/page/boxes.js';
import * as grid from '/page/faces.js';
import * as names from '/page/names.js';
import * as panel from '/page/panel.js';
import * as state from '/page/state.js';

const element = name => document.getElementById(name);
const fetched = new Map();
let current = null;

function details(id) {
  if (!fetched.has(id)) {
    const wanted = api.get(`/api/face/${id}`);
    wanted.catch(() => fetched.delete(id));
    fetched.set(id, wanted);
  }
  return fetched.get(id);
}

function prefetch(id) {
  const next = following(id);
  if (next === null) return;
  details(next).then(found => {
    new Image().src = api.large(next);
    new Image().src = api.picture(found.picture.id);
  }, () => {});
}

// The next face that waits for a person, from the one given on, around the end of the list.
function following(id) {
  const ids = grid.list();
  const start = grid.placeOf(id);
  for (let step = 1; step <= ids.length; step += 1) {
    const face = state.faces.get(ids[(start + step) % ids.length]);
    if (face?.w && face.id !== id) return face.id;
  }
  return null;
}

async function go(id) {
  delete document.body.dataset.ready;
  current = id;
  names.reset();
  element('done').hidden = id !== null;
  element('panel').hidden = element('stage').hidden = id === null;
  if (id === null) { finish(); return; }
  grid.mark(id);
  panel.begin(id);
  try {
    const found = await details(id);
    if (current !== id) return;
    panel.fill(found);
    boxes.show(found.picture, id);
    document.body.dataset.ready = id;
    prefetch(id);
  } catch (error) {
    if (current === id) say(error.message, true);
  }
}

function finish() {
  boxes.clear();
  const {all} = state.counts();
  const left = state.waiting();
  element('done').querySelector('h2').textContent = left ? 'Nothing here waits for you' : 'All faces are reviewed';
  element('done').querySelector('p').textContent = left
    ? `${left.toLocaleString()} faces wait outside of this filter.`
    : `${all.toLocaleString()} faces; every verdict is in the tag files. You can close this page.`;
  document.body.dataset.ready = 'done';
}

function step(by) {
  const ids = grid.list();
  const place = grid.placeOf(current);
  const next = ids[Math.min(ids.length - 1, Math.max(0, place + by))];
  if (next !== undefined && next !== current) go(next);
}

function rebuild({keep = true} = {}) {
  const ids = state.view();
  grid.show(ids);
  tell();
  if (keep && ids.includes(current)) { grid.mark(current); return; }
  go(ids[0] ?? null);
}

function tell() {
  const {left, total} = state.progress();
  const share = total ? (total - left) / total : 1;
  element('fill').style.width = `${share * 100}%`;
  const bar = document.querySelector('.progress');
  bar.setAttribute('aria-valuemax', total);
  bar.setAttribute('aria-valuenow', total - left);
  element('left').textContent = left ? `${left.toLocaleString()} left` : 'done';
  const counts = state.counts();
  for (const tab of document.querySelectorAll('[data-show]')) {
    tab.setAttribute('aria-pressed', String(tab.dataset.show === state.filter.show));
    tab.querySelector('b').textContent = counts[tab.dataset.show].toLocaleString();
  }
  element('filtered').textContent = state.isFiltered() ? '· on' : '';
}

let fading = 0;
function say(text, bad = false) {
  const toast = element('toast');
  toast.textContent = text;
  toast.className = bad ? 'shown bad' : 'shown';
  clearTimeout(fading);
  fading = setTimeout(() => { toast.className = ''; }, bad ? 9000 : 3500);
}

const spoken = tag => tag.replaceAll('_', ' ');

// Show a verdict at once, send it, and let the server's answer have the last word.
function judge(kind, tag = '', all = false) {
  if (current === null || panel.shown()?.id !== current) return;
  const ids = [current, ...(all ? panel.ticked() : [])];
  for (const id of ids) {
    const face = state.faces.get(id);
    state.faces.set(id, {...face, v: kind, n: tag, w: false});
  }
  const what = {named: spoken(tag), unknown: 'unknown', not_a_face: 'not a face'}[kind];
  say(`${ids.length > 1 ? `${ids.length} faces: ` : ''}${what}. Z takes it back.`);
  const judged = current;
  go(following(judged));
  send('/api/verdict', {faces: ids, kind, tag});
}

async function send(path, body) {
  let changes;
  try {
    changes = await api.post(path, body);
  } catch (error) {
    say(error.message, true);
    await reload();
    return null;
  }
  fetched.clear();
  const fresh = state.update(changes);
  if (changes.failures?.length) {
    say(changes.failures[0], true);
    await reload();
  }
  learned(changes.teachable);
  grid.repaint();
  tell();
  if (current !== null) prefetch(current);
  return {...changes, fresh};
}

async function reload() {
  const session = await api.session();
  for (const face of session.faces) state.faces.set(face.id, face);
  grid.repaint();
  tell();
}

async function undo() {
  const changes = await send('/api/undo', {});
  if (!changes) return;
  const back = changes.faces.find(face => face.w) ?? changes.faces[0];
  if (!back) { say('Nothing to undo.'); return; }
  if (changes.gone.length || grid.placeOf(back.id) < 0) grid.show(state.view());
  tell();
  say('Taken back.');
  go(back.id);
}

async function clear() {
  const id = current;
  if (!state.faces.get(id)?.v) return;
  const changes = await send('/api/clear', {faces: [id]});
  if (!changes || changes.failures.length) return;
  say('Taken back.');
  if (changes.gone.includes(id)) rebuild(); else go(id);
}

function draw() {
  if (current === null || panel.shown()?.id !== current) return;
  boxes.begin(async (picture, box) => {
    const before = current;
    const changes = await send('/api/box', {picture, box});
    const drawn = changes?.fresh.find(id => state.faces.get(id).d);
    if (drawn === undefined) return;
    grid.insertAfter(before, [drawn]);
    say('Added. Who is it?');
    go(drawn);
  });
}

function learned(teachable) {
  const count = Object.keys(teachable ?? {}).length;
  const faces = Object.values(teachable ?? {}).reduce((sum, number) => sum + number, 0);
  const button = element('teach');
  button.hidden = count === 0;
  button.textContent = count === 1 ? 'Learn 1 new character' : `Learn ${count} new characters`;
  button.title = `Enrol them from the ${faces} faces that you named, so that the next run knows them`;
}

async function teach() {
  try {
    let answer = await api.post('/api/teach', {confirm: false});
    if (answer.warning) {
      if (!window.confirm(`${answer.warning}\n\nLearn them all the same?`)) return;
      answer = await api.post('/api/teach', {confirm: true});
    }
    const list = Object.entries(answer.characters).map(([tag, faces]) => `${spoken(tag)} (${faces})`);
    say(`Enrolled: ${list.join(', ')}. The next run looks for them.`);
  } catch (error) {
    say(error.message, true);
  }
}

const THEMES = ['auto', 'light', 'dark'];
function theme(next) {
  const chosen = next ?? localStorage.getItem('theme') ?? 'auto';
  localStorage.setItem('theme', chosen);
  document.documentElement.dataset.theme = chosen;
  element('theme').textContent = {auto: '◐', light: '○', dark: '●'}[chosen];
  element('theme').title = {auto: 'As the system', light: 'Light', dark: 'Dark'}[chosen];
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || element('keys').open) return;
  if (boxes.isDrawing()) { boxes.key(event); return; }
  if (event.target.closest('input, select, textarea')) return;
  const onButton = event.target.closest('button, summary') && [' ', 'Enter'].includes(event.key);
  if (onButton) return;
  const all = event.shiftKey;
  const actions = {
    enter: () => { const tag = panel.candidate(); if (tag) judge('named', tag, all); },
    arrowdown: () => panel.move(1),
    arrowup: () => panel.move(-1),
    arrowright: () => step(1),
    arrowleft: () => step(-1),
    u: () => judge('unknown', '', all),
    x: () => judge('not_a_face', '', all),
    b: draw,
    z: undo,
    c: clear,
    '/': names.focus,
    '?': () => element('keys').showModal(),
  };
  const digit = /^Digit([1-5])$/.exec(event.code);
  const action = digit
    ? () => { const tag = panel.candidate(Number(digit[1]) - 1); if (tag) judge('named', tag, all); }
    : actions[event.key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  if (!event.repeat || ['ArrowRight', 'ArrowLeft'].includes(event.key)) action();
}

function wire() {
  document.addEventListener('keydown', onKey);
  document.addEventListener('click', event => event.target.closest('.actions button, .bar button, .head button, #all')?.blur());
  grid.onPick(id => { go(id); drawer(false); });
  boxes.onPick(go);
  panel.onChoose((tag, all) => judge('named', tag, all));
  names.onTake((tag, all) => judge('named', tag, all));
  element('unknown').onclick = event => judge('unknown', '', event.shiftKey);
  element('notface').onclick = event => judge('not_a_face', '', event.shiftKey);
  element('before').onclick = () => step(-1);
  element('after').onclick = () => step(1);
  element('draw').onclick = draw;
  element('undo').onclick = undo;
  element('clear').onclick = clear;
  element('all').onclick = () => judge('named', panel.candidate(), true);
  element('teach').onclick = teach;
  element('help').onclick = () => element('keys').showModal();
  element('theme').onclick = () => {
    theme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length]);
  };
  element('drawer').onclick = () => drawer(!document.body.classList.contains('drawn'));
  for (const tab of document.querySelectorAll('[data-show]')) {
    tab.onclick = () => { state.filter.show = tab.dataset.show; rebuild({keep: false}); tab.blur(); };
  }
  const filters = {
    'by-name': value => { state.filter.name = value.trim().toLowerCase().replaceAll(' ', '_'); },
    'by-folder': value => { state.filter.folder = value; },
    from: value => { state.filter.from = Number(value) || 0; },
    to: value => { state.filter.to = value === '' ? 1 : Number(value); },
    order: value => { state.filter.order = value; },
  };
  for (const [name, set] of Object.entries(filters)) {
    element(name).addEventListener('change', event => { set(event.target.value); rebuild({keep: false}); });
  }
}

function drawer(open) {
  document.body.classList.toggle('drawn', open);
  element('drawer').setAttribute('aria-expanded', String(open));
}

// How far the faces are cut out; look-alikes are found among those that are.
async function watchCutting() {
  const line = element('cutting');
  try {
    const {cut: [done, total], teachable} = await api.get('/api/progress');
    learned(teachable);
    line.hidden = done >= total;
    line.textContent = `Looking for look-alikes: ${done.toLocaleString()} of ${total.toLocaleString()} pictures`;
    if (done < total || total === 0) setTimeout(watchCutting, 2000);
  } catch {
    line.hidden = true;
  }
}

async function start() {
  theme();
  wire();
  try {
    const session = await api.session();
    state.load(session);
    names.load(session.names);
    learned(session.teachable);
    element('by-folder').replaceChildren(
      new Option('all', ''), ...state.folders().map(folder => new Option(folder, folder)),
    );
    if (state.waiting() === 0) state.filter.show = 'all';
    rebuild();
    watchCutting();
  } catch (error) {
    say(error.message, true);
  }
}

start();
