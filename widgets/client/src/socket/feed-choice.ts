/** The columns and the rate with which the page subscribes to a feed. Pure functions. */
import type { FeedChoice } from "./messages";

/** The rate of all feeds while nobody sees the page: the slowest one. */
export const HIDDEN_HZ = 0.2;

export const USUAL: FeedChoice = {};

/** The least choice that contains all of `choices`: a connection has one choice for each feed. */
export function commonChoice(choices: readonly FeedChoice[]): FeedChoice {
  const rates = choices.map(({ hz }) => hz);
  const columns = choices.map((choice) => choice.columns);
  return {
    ...(areKnown(columns) && { columns: [...new Set(columns.flat())] }),
    ...(areKnown(rates) && { hz: Math.max(...rates) }),
  };
}

/** The choice while the page is hidden. */
export function slowed(choice: FeedChoice): FeedChoice {
  return { ...choice, hz: HIDDEN_HZ };
}

/** Whether no member is absent, which means all columns or the fastest rate. */
function areKnown<T>(members: readonly (T | undefined)[]): members is readonly T[] {
  return members.length > 0 && members.every((member) => member !== undefined);
}
