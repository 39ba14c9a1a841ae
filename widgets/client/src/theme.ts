/** Dark or light: the visitor's choice, kept in a cookie so that the server renders it into the page's first byte. */

export type Theme = "dark" | "light";

const COOKIE = "mdp_theme";
const ONE_YEAR_SECONDS = 31_536_000;

/** What the page shows now: the remembered choice, else what the system asks for, else dark. */
export function currentTheme(root: HTMLElement, systemPrefersLight: boolean): Theme {
  const chosen = root.dataset["theme"];
  if (chosen === "dark" || chosen === "light") return chosen;
  return systemPrefersLight ? "light" : "dark";
}

/** The cookie that remembers `theme` for a year, on every path of the site. */
export function themeCookie(theme: Theme, secure: boolean): string {
  return `${COOKIE}=${theme}; Path=/; Max-Age=${ONE_YEAR_SECONDS}; SameSite=Lax${secure ? "; Secure" : ""}`;
}

/** Brings every `[data-theme-toggle]` button to life; it stays hidden in a page without JavaScript. */
export function bindThemeToggle(page: Document): void {
  const root = page.documentElement;
  const prefersLight = matchMedia("(prefers-color-scheme: light)");
  for (const button of page.querySelectorAll<HTMLButtonElement>("[data-theme-toggle]")) {
    const label = () => {
      const other = currentTheme(root, prefersLight.matches) === "dark" ? "light" : "dark";
      button.textContent = other === "dark" ? "Dark theme" : "Light theme";
    };
    button.addEventListener("click", () => {
      const next: Theme = currentTheme(root, prefersLight.matches) === "dark" ? "light" : "dark";
      root.dataset["theme"] = next;
      page.cookie = themeCookie(next, location.protocol === "https:");
      label();
    });
    prefersLight.addEventListener("change", label);
    label();
    button.hidden = false;
  }
}
