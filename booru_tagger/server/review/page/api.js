// Talking to the server. Changes are sent one after the other, in the order in which they were made.

let version = '';
let queue = Promise.resolve();
let sending = 0;

// What was said and has not reached the files yet: a tab should not be closed on it.
function count(by) {
  sending += by;
  document.body.dataset.sending = sending;
}

window.addEventListener('beforeunload', event => {
  if (sending) event.preventDefault();
});

async function answer(response) {
  const text = await response.text();
  let body;
  try { body = JSON.parse(text); } catch { body = {error: text.trim()}; }
  if (!response.ok) throw new Error(body.error || `The server answered ${response.status}.`);
  return body;
}

async function reach(path, options) {
  try {
    return await fetch(path, options);
  } catch {
    throw new Error('The program does not answer; is `booru-tagger review` still running?');
  }
}

export async function get(path) {
  return answer(await reach(path));
}

export function post(path, body) {
  count(1);
  const sent = queue.then(async () => answer(await reach(path, {
    method: 'POST',
    headers: {'content-type': 'application/json'},
    body: JSON.stringify(body),
  })));
  queue = sent.catch(() => {}).finally(() => count(-1));
  return sent;
}

export async function session() {
  const loaded = await get('/api/session');
  version = loaded.version;
  return loaded;
}

export const thumbnail = id => `/face/${id}.jpg?v=${version}`;
export const large = id => `/large/${id}.jpg?v=${version}`;
export const picture = id => `/picture/${id}.jpg?v=${version}`;
export const portrait = tag => `/portrait?tag=${encodeURIComponent(tag)}`;
