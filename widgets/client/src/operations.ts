/** Entry of the operations page of the admin. */
import "./styles/operations.css";
import { readActions } from "./operations/actions";
import { HistoryChartElement } from "./operations/chart";
import { OperationsElement } from "./operations/element";
import { createFeedClient, readPageConfig } from "./page";

customElements.define("mdp-history-chart", HistoryChartElement);
customElements.define("mdp-operations", OperationsElement);

const client = createFeedClient(readPageConfig(document));
const page = document.querySelector<OperationsElement>("mdp-operations");
if (page !== null) {
  page.actions = readActions(document);
  page.take(JSON.parse(document.getElementById("mdp-installation")?.textContent ?? "null"));
  page.start(client);
}
client.start();
