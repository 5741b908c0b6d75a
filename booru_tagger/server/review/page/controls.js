// What is set rather than judged: light or dark, filters and order, the drawer of a narrow screen.

import {filter} from '/page/state.js';

const THEMES = ['auto', 'light', 'dark'];
const element = name => document.getElementById(name);

function theme(next) {
  const chosen = next ?? localStorage.getItem('theme') ?? 'auto';
  localStorage.setItem('theme', chosen);
  document.documentElement.dataset.theme = chosen;
  element('theme').textContent = {auto: '◐', light: '○', dark: '●'}[chosen];
  element('theme').title = {auto: 'As the system', light: 'Light', dark: 'Dark'}[chosen];
}

export function drawer(open) {
  document.body.classList.toggle('drawn', open);
  element('drawer').setAttribute('aria-expanded', String(open));
}

const FILTERS = {
  'by-name': value => { filter.name = value.trim().toLowerCase().replaceAll(' ', '_'); },
  'by-folder': value => { filter.folder = value; },
  from: value => { filter.from = Number(value) || 0; },
  to: value => { filter.to = value === '' ? 1 : Number(value); },
  order: value => { filter.order = value; },
};

// `changed` is called when another filter or order is set.
export function wire(changed) {
  theme();
  element('theme').onclick = () => {
    theme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length]);
  };
  element('drawer').onclick = () => drawer(!document.body.classList.contains('drawn'));
  for (const [name, set] of Object.entries(FILTERS)) {
    element(name).addEventListener('change', event => { set(event.target.value); changed(); });
  }
}
