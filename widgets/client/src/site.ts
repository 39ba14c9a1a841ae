/** Entry of all pages, with or without widgets: the stylesheet and the theme toggle. */
import "./styles/site.css";
import { bindThemeToggle } from "./theme";

bindThemeToggle(document);
