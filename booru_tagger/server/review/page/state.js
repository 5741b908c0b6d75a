// The faces of the session, and which of them are shown in which order.

export const faces = new Map();
export const pictures = new Map();
export const filter = {show: 'waiting', name: '', folder: '', from: 0, to: 1, order: 'guess'};

let initial = 0;
let groups = new Map(); // of strangers, the largest first: by its most typical face, all of its faces

export function load(session) {
  for (const [id, folder, name] of session.pictures) pictures.set(id, {folder, name});
  for (const face of session.faces) faces.set(face.id, face);
  initial = waiting();
}

// A face that is being looked at goes on standing for its group.
export function loadGroups(list, looked) {
  groups = new Map(list.map(members => {
    const first = members.find(member => member.id === looked) ?? members[0];
    return [first.id, [first, ...members.filter(member => member !== first)]];
  }));
}

export const isStranger = face => Boolean(face && !face.v && !face.n);

// The group that a face stands for in the list of strangers.
export const groupOf = id => (filter.show === 'strangers' ? groups.get(id) ?? null : null);

// The other faces of a group that have no name yet.
export const others = group => group.slice(1).filter(member => isStranger(faces.get(member.id)));

export const numberOf = id => [...groups.keys()].indexOf(id) + 1;

const openGroups = () => [...groups.keys()].filter(id => isStranger(faces.get(id)));

// Whether a face of the list that is shown is still to be judged there.
export function isOpen(face) {
  if (filter.show === 'waiting') return face.w;
  return filter.show === 'strangers' ? isStranger(face) : true;
}

export function waiting() {
  let count = 0;
  for (const face of faces.values()) if (face.w) count += 1;
  return count;
}

export function progress() {
  const left = waiting();
  initial = Math.max(initial, left);
  return {left, total: initial};
}

export function counts() {
  let said = 0;
  for (const face of faces.values()) if (face.v) said += 1;
  return {waiting: waiting(), strangers: openGroups().length, said, all: faces.size};
}

export function folders() {
  return [...new Set([...pictures.values()].map(picture => picture.folder))].sort();
}

// What the server says of faces after a change; the faces that are new here.
export function update(changes) {
  const fresh = [];
  for (const face of changes.faces ?? []) {
    if (!faces.has(face.id)) fresh.push(face.id);
    faces.set(face.id, face);
  }
  for (const id of changes.gone ?? []) faces.delete(id);
  return fresh;
}

export function isFiltered() {
  return Boolean(filter.name || filter.folder || filter.from > 0 || filter.to < 1);
}

function fits(face) {
  if (filter.show === 'waiting' && !face.w) return false;
  if (filter.show === 'said' && !face.v) return false;
  if (face.s < filter.from || face.s > filter.to) return false;
  if (filter.folder && pictures.get(face.p).folder !== filter.folder) return false;
  if (filter.name && !(face.n || face.g).includes(filter.name)) return false;
  return true;
}

const byFile = (one, other) => one.p - other.p || one.id - other.id;

function orders(list) {
  const sizes = new Map();
  for (const face of list) sizes.set(face.g, (sizes.get(face.g) ?? 0) + 1);
  const grouped = (one, other) =>
    sizes.get(other.g) - sizes.get(one.g) || one.g.localeCompare(other.g) || other.s - one.s;
  return {
    guess: grouped,
    unsure: (one, other) => one.s - other.s,
    sure: (one, other) => other.s - one.s,
    file: byFile,
  };
}

// The ids to show, those that wait for a person first.
export function view() {
  if (filter.show === 'strangers') return openGroups().filter(id => fits(faces.get(id)));
  const list = [...faces.values()].filter(fits);
  const order = orders(list)[filter.order];
  return list
    .sort((one, other) => Number(other.w) - Number(one.w) || order(one, other) || byFile(one, other))
    .map(face => face.id);
}
