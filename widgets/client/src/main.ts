/** Entry of the dashboard: registers the widgets, and gives all widgets of the page the same socket and selection. */
import "./styles/dashboard.css";
import { createFeedClient, type PageContext, readPageConfig, Selection } from "./page";
import { AlertsElement } from "./widgets/alerts";
import { BannerElement } from "./widgets/banner";
import { BoardTabsElement } from "./widgets/board-tabs";
import { ConnectionElement } from "./widgets/connection";
import { LeaderboardElement } from "./widgets/leaderboard/element";
import { QuoteElement } from "./widgets/quote";

customElements.define("mdp-leaderboard", LeaderboardElement);
customElements.define("mdp-board-tabs", BoardTabsElement);
customElements.define("mdp-quote", QuoteElement);
customElements.define("mdp-alerts", AlertsElement);
customElements.define("mdp-connection", ConnectionElement);
customElements.define("mdp-banner", BannerElement);

const config = readPageConfig(document);
const context: PageContext = { config, client: createFeedClient(config), selection: new Selection() };

type Widget = LeaderboardElement | QuoteElement | AlertsElement | ConnectionElement | BannerElement;
const WIDGETS = "mdp-leaderboard, mdp-quote, mdp-alerts, mdp-connection, mdp-banner";
for (const widget of document.querySelectorAll<Widget>(WIDGETS)) {
  widget.context = context;
}
context.client.start();
