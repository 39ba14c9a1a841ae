/** The dark or light theme. The choice is stored in a cookie, so that the server renders the page with it. */

export type Theme = "dark" | "light";

const COOKIE = "mdp_theme";
const ONE_YEAR_SECONDS = 31_536_000;

/** The current theme: the stored choice, otherwise that of the system, otherwise dark. */
export function currentTheme(root: HTMLElement, systemPrefersLight: boolean): Theme {
  const chosen = root.dataset["theme"];
  if (chosen === "dark" || chosen === "light") return chosen;
  return systemPrefersLight ? "light" : "dark";
}

/** The cookie that stores `theme` for a year, for all paths of the site. */
export function themeCookie(theme: Theme, secure: boolean): string {
  return `${COOKIE}=${theme}; Path=/; Max-Age=${ONE_YEAR_SECONDS}; SameSite=Lax${secure ? "; Secure" : ""}`;
}

/** Makes all `[data-theme-toggle]` buttons work and visible. Without JavaScript they stay hidden. */
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
