// The list of faces: a grid of thumbnails of which only those in sight exist.

import {thumbnail} from '/page/api.js';
import {faces, groupOf, numberOf, others} from '/page/state.js';

const MARGIN_ROWS = 3;
const WIDTH = {face: 88, group: 128};
const grid = document.getElementById('grid');
const spacer = document.getElementById('spacer');
const cells = new Map();
let ids = [];
let places = new Map();
let current = null;
let pick = () => {};
let side = 88;
let columns = 3;

export function onPick(callback) { pick = callback; }
export const list = () => ids;
export const placeOf = id => places.get(id) ?? -1;

export function show(newIds) {
  ids = newIds;
  places = new Map(ids.map((id, place) => [id, place]));
  for (const cell of cells.values()) cell.remove();
  cells.clear();
  layout();
}

export function insertAfter(id, added) {
  const place = placeOf(id);
  ids = [...ids.slice(0, place + 1), ...added, ...ids.slice(place + 1)];
  show(ids);
}

export function mark(id) {
  const before = cells.get(current);
  current = id;
  if (before) paint(before);
  const place = placeOf(id);
  if (place >= 0) {
    const top = Math.floor(place / columns) * side;
    if (top < grid.scrollTop || top + side > grid.scrollTop + grid.clientHeight) {
      grid.scrollTop = top - (grid.clientHeight - side) / 2;
    }
  }
  draw();
}

export function repaint() {
  for (const cell of cells.values()) paint(cell);
}

function layout() {
  const width = grid.clientWidth || 270;
  columns = Math.max(2, Math.floor(width / (groupOf(ids[0]) ? WIDTH.group : WIDTH.face)));
  side = width / columns;
  spacer.style.height = `${Math.ceil(ids.length / columns) * side}px`;
  for (const cell of cells.values()) put(cell);
  draw();
}

function draw() {
  const first = Math.max(0, Math.floor(grid.scrollTop / side) - MARGIN_ROWS) * columns;
  const rows = Math.ceil((grid.clientHeight || 600) / side) + 2 * MARGIN_ROWS;
  const last = Math.min(ids.length, first + rows * columns);
  const wanted = new Set(ids.slice(first, last));
  for (const [id, cell] of cells) {
    if (!wanted.has(id)) { cell.remove(); cells.delete(id); }
  }
  for (const id of wanted) {
    if (!cells.has(id)) cells.set(id, make(id));
    paint(cells.get(id));
  }
}

function make(id) {
  const cell = document.createElement('button');
  cell.type = 'button';
  cell.className = 'cell';
  cell.dataset.id = id;
  cell.tabIndex = -1;
  cell.setAttribute('role', 'option');
  const image = document.createElement('img');
  image.alt = '';
  image.decoding = 'async';
  image.src = thumbnail(id);
  image.onerror = () => cell.classList.add('broken');
  const name = document.createElement('span');
  cell.append(image, name);
  put(cell);
  grid.append(cell);
  return cell;
}

function put(cell) {
  const place = placeOf(Number(cell.dataset.id));
  cell.style.transform = `translate(${(place % columns) * side}px, ${Math.floor(place / columns) * side}px)`;
  cell.style.width = cell.style.height = `${side}px`;
}

function paint(cell) {
  const face = faces.get(Number(cell.dataset.id));
  if (!face) { cell.classList.add('gone'); return; }
  const state = face.v ? `said ${face.v}` : face.w ? 'waits' : 'sure';
  cell.className = `cell ${state}${face.id === current ? ' current' : ''}`;
  cell.setAttribute('aria-selected', String(face.id === current));
  const said = {unknown: 'unknown', not_a_face: 'not a face'}[face.v];
  const name = said ?? (face.n || (face.g ? `${face.g}?` : 'nobody'));
  cell.querySelector('span').textContent = name.replaceAll('_', ' ');
  cell.title = face.v ? name : `${name} ${face.s.toFixed(2)}`;
  const group = groupOf(face.id);
  if (!group || face.v) return;
  cell.querySelector('span').textContent = `${others(group).length + 1} faces`;
  cell.title = `Stranger ${numberOf(face.id)}`;
}

let pending = false;
grid.addEventListener('scroll', () => {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => { pending = false; draw(); });
}, {passive: true});
grid.addEventListener('click', event => {
  const cell = event.target.closest('.cell');
  if (cell) pick(Number(cell.dataset.id));
});
new ResizeObserver(layout).observe(grid);
