/** Links from the rows of the operations page to the actions that can be done to them. Who may do none gets none. */
import { html, nothing } from "lit";
import type { Column } from "./table";

/** An action, as `mdp_site/operator_pages/action_links.py` offers it. */
export interface OfferedAction {
  readonly name: string;
  readonly label: string;
  readonly explanation: string;
  readonly url: string;
  /** The arguments that it needs. */
  readonly required: readonly string[];
  /** Each argument, with the words that it accepts; without any it accepts other values. */
  readonly arguments: Readonly<Record<string, readonly string[]>>;
}

/** The actions in `<script id="mdp-actions" type="application/json">`; none if the page has no such element. */
export function readActions(page: Document): readonly OfferedAction[] {
  const value: unknown = JSON.parse(page.getElementById("mdp-actions")?.textContent ?? "null");
  return (value as { actions?: readonly OfferedAction[] } | null)?.actions ?? [];
}

/** What names a row: values by the argument that takes them, such as `{ queue: "trades" }`. */
export type RowNames = Readonly<Record<string, string>>;

/**
 * The actions for a row. An action belongs to the rows whose own name, `subject`, is one of its arguments, if the
 * names of the row are all that it needs.
 */
export function actionsOf(
  actions: readonly OfferedAction[],
  subject: string,
  names: RowNames,
): readonly OfferedAction[] {
  return actions.filter(
    (action) =>
      subject in action.arguments &&
      action.required.every((each) => each in names) &&
      Object.entries(action.arguments).every(
        ([name, words]) => !(name in names) || words.length === 0 || words.includes(names[name] ?? ""),
      ),
  );
}

/** The address of an action with the names of a row filled in. */
export function addressOf(action: OfferedAction, names: RowNames): string {
  const filled = Object.entries(names).filter(([name]) => name in action.arguments);
  return `${action.url}?${new URLSearchParams(filled)}`;
}

/** The links of a row. `rowName` tells the links of different rows apart for assistive technology. */
export function renderActions(
  actions: readonly OfferedAction[],
  subject: string,
  names: RowNames,
  rowName: string,
) {
  const offered = actionsOf(actions, subject, names);
  return offered.length === 0
    ? nothing
    : offered.map(
        (action) =>
          html`<a class="ops-action" href=${addressOf(action, names)} title=${action.explanation}>${action.label}…<span class="ops-unseen"> ${rowName}</span></a>`,
      );
}

/**
 * A column with what can be done to each row; none for those who may do nothing. `uselessOf` names an action that
 * would change nothing now.
 */
export function actionColumn<T>(
  actions: readonly OfferedAction[],
  subject: string,
  namesOf: (row: T) => RowNames,
  uselessOf: (row: T) => string = () => "",
): readonly Column<T>[] {
  if (!actions.some((each) => subject in each.arguments)) return [];
  const cell = (row: T) => {
    const names = namesOf(row);
    const useless = uselessOf(row);
    const useful = actions.filter(({ name }) => name !== useless);
    return renderActions(useful, subject, names, names[subject] ?? "");
  };
  return [{ title: "Actions", isText: true, cell }];
}
