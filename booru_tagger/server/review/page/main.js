// The review page: one face at a time, one keystroke each.

import * as api from '/page/api.js';
import * as background from '/page/background.js';
import * as boxes from '/page/boxes.js';
import * as controls from '/page/controls.js';
import * as enrolling from '/page/enrolling.js';
import * as grid from '/page/faces.js';
import {say, spoken, wrote} from '/page/messages.js';
import * as names from '/page/names.js';
import * as panel from '/page/panel.js';
import * as state from '/page/state.js';

const element = name => document.getElementById(name);
const fetched = new Map();
let current = null;
let canEnrol = false;

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

// The next face of the same list that is to be judged, from the one given on; where all of them have to be,
// around the end of the list.
function following(id, judged = [id]) {
  const ids = grid.list();
  const start = grid.placeOf(id);
  const around = ['waiting', 'strangers'].includes(state.filter.show);
  const rest = [...ids.slice(start + 1), ...(around ? ids.slice(0, Math.max(0, start)) : [])];
  return rest.find(next => {
    const face = state.faces.get(next);
    return face && state.isOpen(face) && !judged.includes(next);
  }) ?? null;
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
  const left = state.waiting();
  const [title, text] = state.filter.show === 'strangers'
    ? ['No strangers look alike', 'Faces that nobody knows, and that look alike, stand here once they are cut out.']
    : state.filter.show !== 'waiting' && state.faces.size
      ? ['That was the last of this list', 'Every verdict is in the tag files.']
      : left
        ? ['Nothing here waits for you', `${left.toLocaleString()} faces wait outside of this filter.`]
        : ['All faces are reviewed', 'Every verdict is in the tag files. You can close this page.'];
  element('done').querySelector('h2').textContent = title;
  element('done').querySelector('p').textContent = text;
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

// Show a verdict at once, send it, and let the server's answer have the last word. Of strangers the whole
// group is judged, as far as it is ticked.
function judge(kind, tag = '', all = false) {
  if (current === null || panel.shown()?.id !== current) return;
  const group = state.groupOf(current);
  const ids = [current, ...(all || group ? panel.ticked() : [])];
  for (const id of ids) {
    const face = state.faces.get(id);
    state.faces.set(id, {...face, v: kind, n: tag, w: false});
  }
  const what = {named: spoken(tag), unknown: 'unknown', not_a_face: 'not a face'}[kind];
  say(`${ids.length > 1 ? `${ids.length} faces: ` : ''}${what}. Z takes it back.`);
  const judged = current;
  go(following(judged, ids));
  send('/api/verdict', {faces: ids, kind, tag});
  if (group && kind === 'named' && canEnrol && !names.isTrained(tag)) enrolling.ask([tag]);
}

// A guess is taken for one face; for all that are ticked only where it is more than a shot in the dark.
function take(one, all = false) {
  if (!one) return;
  if (all && !one.bulk) say(`${spoken(one.tag)} is too unsure a guess for all at once: type the name for that.`, true);
  else judge('named', one.tag, all);
}

const first = () => (panel.candidate() ? take(panel.candidate()) : names.focus());

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
  enrolling.learnable(changes.teachable);
  if (changes.wrote?.pictures) wrote(changes.wrote);
  grid.repaint();
  tell();
  if (current !== null) prefetch(current);
  return {...changes, fresh};
}

async function reload() {
  const session = await api.session();
  for (const face of session.faces) state.faces.set(face.id, face);
  names.load(session.names);
  grid.repaint();
  tell();
}

async function regroup() {
  const busy = () => document.activeElement === element('name') || document.querySelector('dialog[open]');
  while (busy()) await background.pause(300); // not under somebody's hands
  state.loadGroups((await api.get('/api/strangers')).groups, current);
  if (state.filter.show !== 'strangers') { tell(); return; }
  rebuild();
  const shown = panel.shown();
  if (shown?.id === current && current !== null) { panel.state(state.faces.get(current)); panel.fill(shown); }
}

async function undo() {
  const changes = await send('/api/undo', {});
  if (!changes) return;
  const back = changes.faces.find(face => grid.placeOf(face.id) >= 0 && !face.v && state.isOpen(face))
    ?? changes.faces.find(face => face.w) ?? changes.faces[0];
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

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
  if (boxes.isDrawing()) { boxes.key(event); return; }
  if (event.target.closest('input, select, textarea')) return;
  const onButton = event.target.closest('button, summary') && [' ', 'Enter'].includes(event.key);
  if (onButton) return;
  const all = event.shiftKey;
  const actions = {
    enter: () => (all ? take(panel.candidate(), true) : first()),
    arrowdown: () => panel.move(1),
    arrowup: () => panel.move(-1),
    arrowright: () => step(1),
    arrowleft: () => step(-1),
    u: () => judge('unknown', '', all),
    x: () => judge('not_a_face', '', all),
    b: draw,
    z: undo,
    c: clear,
    s: () => open(state.filter.show === 'strangers' ? 'waiting' : 'strangers'),
    '/': names.focus,
    '?': () => element('keys').showModal(),
  };
  const digit = /^Digit([1-5])$/.exec(event.code);
  const action = digit
    ? () => take(panel.candidate(Number(digit[1]) - 1), all)
    : actions[event.key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  if (!event.repeat || ['ArrowRight', 'ArrowLeft'].includes(event.key)) action();
}

function wire() {
  document.addEventListener('keydown', onKey);
  document.addEventListener('click', event => event.target.closest('.actions button, .bar button, .head button, #all')?.blur());
  grid.onPick(id => { go(id); controls.drawer(false); });
  boxes.onPick(go);
  panel.onChoose(take);
  names.onTake((tag, all) => judge('named', tag, all));
  element('unknown').onclick = event => judge('unknown', '', event.shiftKey);
  element('notface').onclick = event => judge('not_a_face', '', event.shiftKey);
  element('before').onclick = () => step(-1);
  element('after').onclick = () => step(1);
  element('draw').onclick = draw;
  element('undo').onclick = undo;
  element('clear').onclick = clear;
  element('one').onclick = first;
  element('all').onclick = () => take(panel.candidate(), true);
  element('teach').onclick = () => enrolling.ask();
  enrolling.onAgain(background.tagging);
  element('help').onclick = () => element('keys').showModal();
  for (const tab of document.querySelectorAll('[data-show]')) {
    tab.onclick = () => { open(tab.dataset.show); tab.blur(); };
  }
  controls.wire(() => rebuild({keep: false}));
}

function open(list) {
  state.filter.show = list;
  rebuild({keep: false});
  if (list === 'strangers') regroup();
}

async function taggedAgain({total, named, failures}) {
  fetched.clear();
  await reload();
  await regroup();
  const text = `Tagged ${total.toLocaleString()} pictures again: ${named.toLocaleString()} more faces named.`;
  say(failures[0] ?? text, failures.length > 0);
}

async function start() {
  wire();
  try {
    const session = await api.session();
    state.load(session);
    names.load(session.names);
    enrolling.learnable(session.teachable);
    canEnrol = session.gallery;
    element('by-folder').replaceChildren(
      new Option('all', ''), ...state.folders().map(folder => new Option(folder, folder)),
    );
    const list = location.hash.slice(1);
    if (document.querySelector(`[data-show="${CSS.escape(list)}"]`)) state.filter.show = list;
    else if (state.waiting() === 0) state.filter.show = 'all';
    rebuild();
    const waitsForGroups = () => state.filter.show === 'strangers' && current === null;
    background.start({regroup, taggedAgain, waitsForGroups});
  } catch (error) {
    say(error.message, true);
  }
}

start();
