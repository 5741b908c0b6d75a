// The picture with the boxes of its faces, and drawing a box that is missing.

import {picture as pictureAddress} from '/page/api.js';

const SVG = 'http://www.w3.org/2000/svg';
const canvas = document.getElementById('canvas');
const frame = document.getElementById('frame');
const image = document.getElementById('picture');
const svg = document.getElementById('boxes');
const hint = document.getElementById('hint');
let shown = null;
let current = null;
let pick = () => {};
let drawing = null;

export function onPick(callback) { pick = callback; }
export const isDrawing = () => drawing !== null;

export function show(picture, id) {
  cancel();
  const other = shown?.id !== picture.id;
  shown = picture;
  current = id;
  if (other) {
    frame.hidden = false;
    image.src = pictureAddress(picture.id);
    image.alt = `Picture ${picture.name}`;
  }
  fit();
  paint();
}

export function clear() {
  cancel();
  shown = null;
  frame.hidden = true;
  image.removeAttribute('src');
}

function fit() {
  if (!shown) return;
  const style = getComputedStyle(canvas);
  const width = canvas.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const height = canvas.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
  const scale = Math.min(width / shown.width, height / shown.height, 3);
  frame.style.width = `${shown.width * scale}px`;
  frame.style.height = `${shown.height * scale}px`;
  svg.setAttribute('viewBox', `0 0 ${shown.width} ${shown.height}`);
}

function rectangle(box, className) {
  const rect = document.createElementNS(SVG, 'rect');
  const [x0, y0, x1, y1] = box;
  rect.setAttribute('x', Math.min(x0, x1));
  rect.setAttribute('y', Math.min(y0, y1));
  rect.setAttribute('width', Math.abs(x1 - x0));
  rect.setAttribute('height', Math.abs(y1 - y0));
  rect.setAttribute('rx', Math.max(shown.width, shown.height) / 250);
  rect.setAttribute('class', className);
  return rect;
}

function paint() {
  svg.replaceChildren();
  if (!shown) return;
  for (const face of shown.faces) {
    const state = face.verdict ?? (face.waits ? 'waits' : 'sure');
    const rect = rectangle(face.box, `${state}${face.id === current ? ' current' : ''}`);
    const title = document.createElementNS(SVG, 'title');
    title.textContent = face.verdict === 'not_a_face' ? 'not a face' : face.name || 'unknown';
    rect.append(title);
    rect.addEventListener('click', () => { if (!drawing) pick(face.id); });
    svg.append(rect);
  }
  if (drawing) svg.append(rectangle(drawing.box, 'drawn'));
}

// Begin to draw: a box in the middle, for the arrow keys, or wherever the pointer is dragged.
export function begin(done) {
  if (!shown || drawing) return;
  const side = Math.min(shown.width, shown.height) / 4;
  const [x, y] = [shown.width / 2, shown.height / 2];
  drawing = {box: [x - side / 2, y - side / 2, x + side / 2, y + side / 2], done};
  canvas.classList.add('drawing');
  hint.hidden = false;
  hint.textContent = 'Drag a box around the head, or move it with the arrow keys (Shift: size). '
    + 'Enter adds it, Esc leaves.';
  paint();
}

export function cancel() {
  drawing = null;
  canvas.classList.remove('drawing');
  hint.hidden = true;
  paint();
}

function finish() {
  const {box: [x0, y0, x1, y1], done} = drawing;
  const picture = shown.id;
  cancel();
  done(picture, [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)].map(Math.round));
}

export function key(event) {
  const step = Math.max(2, Math.min(shown.width, shown.height) / 50);
  const moves = {ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step]};
  const move = moves[event.key];
  if (move) {
    const [x0, y0, x1, y1] = drawing.box;
    drawing.box = event.shiftKey
      ? [x0, y0, Math.max(x0 + step, x1 + move[0]), Math.max(y0 + step, y1 + move[1])]
      : [x0 + move[0], y0 + move[1], x1 + move[0], y1 + move[1]];
    paint();
  } else if (event.key === 'Enter') {
    finish();
  } else if (event.key === 'Escape') {
    cancel();
  } else {
    return;
  }
  event.preventDefault();
}

function point(event) {
  const bounds = svg.getBoundingClientRect();
  const clamp = (value, most) => Math.min(most, Math.max(0, value));
  return [
    clamp((event.clientX - bounds.left) / bounds.width * shown.width, shown.width),
    clamp((event.clientY - bounds.top) / bounds.height * shown.height, shown.height),
  ];
}

svg.addEventListener('pointerdown', event => {
  if (!drawing) return;
  const [x, y] = point(event);
  drawing.from = [x, y];
  svg.setPointerCapture(event.pointerId);
  event.preventDefault();
});
svg.addEventListener('pointermove', event => {
  if (!drawing?.from) return;
  drawing.box = [...drawing.from, ...point(event)];
  paint();
});
svg.addEventListener('pointerup', () => {
  if (!drawing?.from) return;
  const [x0, y0, x1, y1] = drawing.box;
  drawing.from = null;
  if (Math.abs(x1 - x0) >= 8 && Math.abs(y1 - y0) >= 8) finish();
});
new ResizeObserver(fit).observe(canvas);
