// How far the faces are cut out (look-alikes are found among those that are), and how far the pictures are
// tagged again with characters that were enrolled.

import * as api from '/page/api.js';
import * as enrolling from '/page/enrolling.js';

const line = document.getElementById('cutting');
let tell = null;
let watching = false;
let again = false;
let compared = false; // all faces, since they were grouped

export const pause = time => new Promise(resolve => { setTimeout(resolve, time); });

// `regroup` is called when there are more faces to compare, `taggedAgain` with how that went.
export function start(callbacks) {
  tell = callbacks;
  watch();
}

export function tagging() {
  again = true;
  watch();
}

async function watch() {
  if (watching) return;
  watching = true;
  try {
    while (await goesOn()) await pause(1000);
  } catch {
    line.hidden = true;
  }
  watching = false;
}

async function goesOn() {
  const {cut: [done, total], again: second, teachable} = await api.get('/api/progress');
  enrolling.learnable(teachable);
  const cutting = done < total || total === 0;
  line.hidden = !cutting && !second.running;
  const far = second.total ? `: ${second.done.toLocaleString()} of ${second.total.toLocaleString()} pictures` : ' …';
  line.textContent = second.running
    ? `Tagging again${far}`
    : `Looking for look-alikes: ${done.toLocaleString()} of ${total.toLocaleString()} pictures`;
  if (again && !second.running) {
    again = false;
    await tell.taggedAgain(second);
  } else if (cutting ? tell.waitsForGroups() : !compared) {
    compared = !cutting;
    await tell.regroup();
  }
  return cutting || second.running || again;
}
