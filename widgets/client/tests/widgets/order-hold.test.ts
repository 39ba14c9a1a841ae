// @vitest-environment happy-dom
import { beforeEach, describe, expect, it, vi } from "vitest";
import { OrderHold } from "../../src/widgets/leaderboard/order-hold";

let container: HTMLElement;
let header: HTMLElement;
let cell: HTMLElement;
let other: HTMLElement;
let outside: HTMLElement;
let states: boolean[];

beforeEach(() => {
  document.body.innerHTML = `
    <div id="grid">
      <div class="ag-header"><span tabindex="-1" id="header"></span></div>
      <div class="ag-row"><span tabindex="-1" id="cell"></span></div>
      <div class="ag-row"><span tabindex="-1" id="other"></span></div>
    </div>
    <button id="outside"></button>`;
  const find = (id: string) => document.getElementById(id) as HTMLElement;
  container = find("grid");
  header = find("header");
  cell = find("cell");
  other = find("other");
  outside = find("outside");
  states = [];
  new OrderHold(container, (held) => states.push(held));
});

const pointer = (type: string, target: HTMLElement) =>
  target.dispatchEvent(new Event(type, { bubbles: true }));

/** What the browser answers for `:focus-visible`: true after a key, false after a click. */
function showFocus(visible: boolean): void {
  for (const element of [cell, other]) vi.spyOn(element, "matches").mockReturnValue(visible);
}

function press(key: string): void {
  cell.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
}

describe("the order of a board is held", () => {
  it("from the moment the pointer comes onto a row until it leaves the rows", () => {
    pointer("pointerover", header);
    pointer("pointerover", cell);
    pointer("pointerover", cell);
    pointer("pointerover", header);
    pointer("pointerover", cell);
    pointer("pointerleave", container);
    expect(states).toEqual([true, false, true, false]);
  });

  it("not because a click left its focus behind", () => {
    showFocus(false);
    cell.focus();
    expect(states).toEqual([]);
  });

  it("while the keyboard is in the rows, without a gap between one row and the next", () => {
    showFocus(true);
    cell.focus();
    other.focus();
    outside.focus();
    expect(states).toEqual([true, false]);
  });

  it("until Escape, although the grid then focuses its cell again, and anew with the next key", () => {
    showFocus(true);
    cell.focus();
    press("Escape");
    cell.blur();
    cell.focus();
    expect(states).toEqual([true, false]);
    press("ArrowDown");
    expect(states).toEqual([true, false, true]);
  });
});
