// The tenants and cards that the host app serves: invented, and the same at every start.

const TENANTS = [
  { id: 'acme', name: 'Acme Foundry', accent: '#d9480f', mark: 'A' },
  { id: 'harbor', name: 'Blue Harbor Books', accent: '#1864ab', mark: 'B' },
  { id: 'cedar', name: 'Cedar Clinic', accent: '#2b8a3e', mark: 'C' },
  { id: 'delta', name: 'Delta Kitchen', accent: '#9c36b5', mark: 'D' },
  { id: 'ember', name: 'Ember Studio', accent: '#c92a2a', mark: 'E' },
  { id: 'fjord', name: 'Fjord Logistics', accent: '#0b7285', mark: 'F' },
  { id: 'grove', name: 'Grove Academy', accent: '#5c940d', mark: 'G' },
  { id: 'halo', name: 'Halo Instruments', accent: '#364fc7', mark: 'H' },
];

const DESIGNS = [
  { kind: 'profile', title: 'Mara Lindqvist', subtitle: 'Head of operations' },
  { kind: 'invoice', title: 'Invoice 2041', subtitle: 'Due in fourteen days' },
  { kind: 'chart', title: 'Orders by month', subtitle: 'The past half-year' },
  { kind: 'event', title: 'Open house', subtitle: 'Everyone is welcome' },
  { kind: 'tasks', title: 'Before the launch', subtitle: 'Four of six are done' },
  { kind: 'article', title: 'What we learned this spring', subtitle: 'Five minutes to read' },
];

/** How a card behaves while it renders, by its number; all others render at once. */
const BEHAVIOURS = new Map([
  [3, 'slow'],
  [6, 'noisy'],
  [8, 'slow'],
]);

/**
 * @typedef {'fast' | 'slow' | 'noisy' | 'broken' | 'endless'} Behaviour
 * @typedef {{ tenant: string, number: number, kind: string, title: string, subtitle: string,
 *   behaviour: Behaviour }} Card
 */

/** The first `count` tenants; beyond the named ones they are numbered. */
export function tenants(count = 4) {
  return Array.from({ length: count }, (_, index) => tenantAt(index));
}

function tenantAt(index) {
  const named = TENANTS[index % TENANTS.length];
  const round = Math.floor(index / TENANTS.length) + 1;
  return round === 1 ? named : { ...named, id: `${named.id}-${round}`, name: `${named.name} ${round}` };
}

/** A tenant by its id, or `undefined`. */
export function tenantOf(id) {
  const [, base, round = '1'] = /^([a-z]+)(?:-(\d+))?$/.exec(id) ?? [];
  const index = TENANTS.findIndex((tenant) => tenant.id === base);
  return index < 0 ? undefined : tenantAt(index + (Number(round) - 1) * TENANTS.length);
}

/**
 * A tenant's card by its number, from 1. The second tenant's seventh card throws, and the third tenant's fifth
 * never stops computing.
 *
 * @returns {Card}
 */
export function cardOf(tenant, number) {
  let behaviour = BEHAVIOURS.get(number) ?? 'fast';
  if (tenant === TENANTS[1].id && number === 7) behaviour = 'broken';
  if (tenant === TENANTS[2].id && number === 5) behaviour = 'endless';
  const design = DESIGNS[(number - 1) % DESIGNS.length];
  const edition = Math.floor((number - 1) / DESIGNS.length);
  const title = edition === 0 ? design.title : `${design.title}, no. ${edition + 1}`;
  return { tenant, number, ...design, title, behaviour };
}

/** The figures a card shows, from its number, so that every render of it is the same. */
export function figuresOf(card) {
  let seed = [...`${card.tenant}/${card.number}`].reduce(
    (sum, char) => (sum * 31 + char.charCodeAt(0)) % 9973,
    7,
  );
  const next = (below) => {
    seed = (seed * 7621 + 1) % 32768;
    return seed % below;
  };
  return Array.from({ length: 6 }, () => 20 + next(80));
}
