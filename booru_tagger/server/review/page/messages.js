// What the page says: in passing, and what was written last.

const toast = document.getElementById('toast');
const wroteLine = document.getElementById('wrote');
const MOST = 4;
let fading = 0;

export const spoken = tag => tag.replaceAll('_', ' ');

export function say(text, bad = false) {
  toast.textContent = text;
  toast.className = bad ? 'shown bad' : 'shown';
  clearTimeout(fading);
  fading = setTimeout(() => { toast.className = ''; }, bad ? 9000 : 3500);
}

const some = tags => tags.slice(0, MOST).map(spoken).join(', ')
  + (tags.length > MOST ? ` and ${tags.length - MOST} more` : '');

// The files that the last step changed, and the tags that came into them and went out.
export function wrote({files, more, added, removed}) {
  const where = files.join(', ') + (more ? ` and ${more.toLocaleString()} more` : '');
  const what = [added.length ? `+ ${some(added)}` : '', removed.length ? `− ${some(removed)}` : ''];
  const text = files.length
    ? `Written: ${what.filter(Boolean).join('   ') || 'the same tags'}   in ${where}`
    : 'Remembered; nothing to change in the tag files.';
  wroteLine.textContent = text;
  wroteLine.title = text;
  wroteLine.hidden = false;
}
