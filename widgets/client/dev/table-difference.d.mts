import type { Delta, Row } from "../src/socket/messages";

export function tableDifference(
  before: readonly Row[],
  after: readonly Row[],
): Pick<Delta, "cells" | "order" | "rows">;
