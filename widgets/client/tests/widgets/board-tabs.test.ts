// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

/** The page's media query, moved by hand. */
class Screen extends EventTarget {
  matches = false;

  become(narrow: boolean): void {
    this.matches = narrow;
    this.dispatchEvent(new Event("change"));
  }
}

let screen: Screen;

beforeEach(async () => {
  screen = new Screen();
  vi.stubGlobal("matchMedia", () => screen);
  const { LeaderboardElement } = await import("../../src/widgets/leaderboard/element");
  const { BoardTabsElement } = await import("../../src/widgets/board-tabs");
  if (!customElements.get("mdp-leaderboard")) {
    customElements.define("mdp-leaderboard", LeaderboardElement);
    customElements.define("mdp-board-tabs", BoardTabsElement);
  }
  const tabs = document.createElement("mdp-board-tabs");
  tabs.innerHTML = `
      <mdp-leaderboard data-place="1" feed="scanners:top_gainers" heading="Gainers"></mdp-leaderboard>
      <mdp-leaderboard data-place="1" feed="scanners:top_losers" heading="Losers"></mdp-leaderboard>
      <mdp-leaderboard data-place="2" feed="scanners:halts" heading="Halts"></mdp-leaderboard>
    `;
  document.body.append(tabs); // With its boards in it, as a page that was parsed before its scripts ran.
});

afterEach(() => {
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

const tab = (name: string) =>
  [...document.querySelectorAll<HTMLElement>("[role=tab]")].find(({ textContent }) => textContent === name);
const shown = () =>
  [...document.querySelectorAll<HTMLElement & { inactive: boolean }>("mdp-leaderboard")]
    .filter(({ inactive }) => !inactive)
    .map((board) => board.getAttribute("heading"));

describe("boards that share a place", () => {
  it("are its tabs, and one of them is shown and subscribed to", () => {
    expect(document.querySelectorAll("[role=tablist]")).toHaveLength(2);
    expect(shown()).toEqual(["Gainers", "Halts"]);
    tab("Losers")?.click();
    expect(shown()).toEqual(["Losers", "Halts"]);
    expect(tab("Losers")?.getAttribute("aria-selected")).toBe("true");
    expect(tab("Gainers")?.getAttribute("tabindex")).toBe("-1");
  });

  it("are reached by the arrow keys, round and round within their place", () => {
    const press = (name: string, key: string) =>
      tab(name)?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    press("Gainers", "ArrowLeft");
    expect(shown()).toEqual(["Losers", "Halts"]);
    expect(document.activeElement).toBe(tab("Losers"));
    press("Losers", "ArrowRight");
    expect(shown()).toEqual(["Gainers", "Halts"]);
  });

  it("name their panel, and are named by it", () => {
    const losers = document.querySelector('[feed="scanners:top_losers"]');
    expect(losers?.getAttribute("role")).toBe("tabpanel");
    expect(losers?.getAttribute("aria-labelledby")).toBe(tab("Losers")?.id);
    expect(tab("Losers")?.getAttribute("aria-controls")).toBe(losers?.id);
  });

  it("share one place on a narrow screen, and find their choice again on a wide one", () => {
    tab("Losers")?.click();
    screen.become(true);
    expect(document.querySelectorAll("[role=tablist]")).toHaveLength(1);
    expect(shown()).toEqual(["Gainers"]);
    tab("Halts")?.click();
    expect(shown()).toEqual(["Halts"]);
    screen.become(false);
    expect(shown()).toEqual(["Losers", "Halts"]);
  });

  it("are updated once a second on a narrow screen, and as fast as they can on a wide one", () => {
    const rates = () =>
      [...document.querySelectorAll<HTMLElement & { hz: number | null }>("mdp-leaderboard")].map(
        ({ hz }) => hz,
      );
    expect(rates()).toEqual([null, null, null]);
    screen.become(true);
    expect(rates()).toEqual([1, 1, 1]);
    screen.become(false);
    expect(rates()).toEqual([null, null, null]);
  });
});
