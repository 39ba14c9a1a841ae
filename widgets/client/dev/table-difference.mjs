// The delta between two states of a table, as docs/protocol.md describes it: what a server does. For the harness, and for
// the tests, which compare the client's state with the server's.

const COLUMNS_OF_MASK = 30;

/** `cells`, `order` and `rows` of the delta that turns the rows `before` into `after`. No state has a symbol twice. */
export function tableDifference(before, after) {
  const places = new Map(before.map(([symbol], place) => [symbol, place]));
  const cells = [];
  const rows = [];
  for (const row of after) {
    const place = places.get(row[0]);
    if (place === undefined) rows.push(row);
    else if (!sameEntries(before[place], row)) cells.push([place, ...changedCells(before[place], row)]);
  }
  const isSameOrder = sameEntries(before.map(symbolOf), after.map(symbolOf));
  return { cells, rows, order: isSameOrder ? null : orderOf(places, after) };
}

/** The masks and the changed values of a row. */
function changedCells(before, after) {
  const masks = new Array(Math.ceil((after.length - 1) / COLUMNS_OF_MASK)).fill(0);
  const values = [];
  for (let column = 0; column < after.length - 1; column += 1) {
    if (before[column + 1] === after[column + 1]) continue;
    masks[Math.floor(column / COLUMNS_OF_MASK)] |= 1 << (column % COLUMNS_OF_MASK);
    values.push(after[column + 1]);
  }
  return [...masks, ...values];
}

function orderOf(places, after) {
  const order = [];
  for (const [symbol] of after) {
    const place = places.get(symbol);
    const run = order.at(-1);
    if (place === undefined) order.push(symbol);
    else if (Array.isArray(run) && run[0] + run[1] === place) run[1] += 1;
    else order.push([place, 1]);
  }
  return order;
}

function symbolOf([symbol]) {
  return symbol;
}

function sameEntries(one, other) {
  return one.length === other.length && one.every((entry, index) => entry === other[index]);
}
