import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const TOKENS = readFileSync(new URL("../src/styles/tokens.css", import.meta.url), "utf8");
const COLOURS = new Map(
  [...TOKENS.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g)].map(([, name, light, dark]) => [
    name ?? "",
    { light: light ?? "", dark: dark ?? "" },
  ]),
);

/** Relative luminance as WCAG 2.2 defines it. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((start) => Number.parseInt(colour.slice(start, start + 2), 16) / 255)
    .map((part) => (part <= 0.040_45 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(theme: "light" | "dark", text: string, ground: string): number {
  const [one = 0, other = 0] = [text, ground].map((name) => luminance(COLOURS.get(name)?.[theme] ?? ""));
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}

describe.each(["light", "dark"] as const)("in the %s theme", (theme) => {
  const grounds = ["surface", "surface-raised", "surface-hover", "surface-selected"];
  const texts = ["text", "text-muted", "accent", "up", "down", "warn"];

  it.each(texts.flatMap((text) => grounds.map((ground) => [text, ground] as const)))(
    "%s on %s can be read (WCAG AA, 4.5:1)",
    (text, ground) => {
      expect(contrast(theme, text, ground)).toBeGreaterThanOrEqual(4.5);
    },
  );

  it.each(["flash-up", "flash-down"])("text on a %s can be read", (ground) => {
    expect(contrast(theme, "text", ground)).toBeGreaterThanOrEqual(4.5);
  });

  it("the edges of inputs and buttons can be seen (3:1)", () => {
    expect(contrast(theme, "line-strong", "surface")).toBeGreaterThanOrEqual(3);
  });
});
