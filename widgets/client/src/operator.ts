/** Entry of the operator's pages of the admin. They work without it: then a page shows what was so when it was loaded. */
import "./styles/operator.css";
import { LivePartElement } from "./operator/live-part";

customElements.define("mdp-live-part", LivePartElement);
