import { describe, expect, it } from "vitest";
import { actionsOf, addressOf, type OfferedAction } from "../../src/operations/actions";

function action(
  name: string,
  args: Record<string, readonly string[]>,
  required: readonly string[],
): OfferedAction {
  return { name, label: name, explanation: "", url: `/actions/${name}/`, required, arguments: args };
}

const services = ["scanner", "web"];
const stop = action("stop", { service: services }, ["service"]);
const restart = action("restart", { service: services, process: [] }, ["service"]);
const drain = action("drain", { service: ["scanner"], process: [] }, ["service", "process"]);
const purge = action("purge", { queue: [] }, []);
const move = action("move", { queue: [], target: [] }, ["queue", "target"]);
const all = [stop, restart, drain, purge, move];

function namesOf(subject: string, names: Record<string, string>): readonly string[] {
  return actionsOf(all, subject, names).map(({ name }) => name);
}

describe("the actions of a row", () => {
  it("are those that take the row's own name and need no more than the row has", () => {
    expect(namesOf("process", { service: "scanner", process: "vm:1" })).toEqual(["restart", "drain"]);
    expect(namesOf("queue", { queue: "trades" })).toEqual(["purge"]);
    expect(namesOf("job", { job: "holidays" })).toEqual([]);
  });

  it("are only those that accept the names of the row", () => {
    expect(namesOf("process", { service: "web", process: "vm:1" })).toEqual(["restart"]);
    expect(namesOf("process", { service: "moon", process: "vm:1" })).toEqual([]);
  });

  it("do not include actions that need something of a row without names", () => {
    expect(namesOf("process", {})).toEqual([]);
  });

  it("have addresses in which names of outside are escaped", () => {
    expect(addressOf(purge, { queue: "a&b=<c>", job: "x" })).toBe("/actions/purge/?queue=a%26b%3D%3Cc%3E");
  });
});
