/** Something asked of the gateway that may be refused: whether it is on its way, and what was wrong with it. */

import { useSignal, type Signal } from "@preact/signals";
import { FeedError } from "../feed";
import { problemText } from "../texts";

export interface Attempt {
  readonly busy: Signal<boolean>;
  readonly problem: Signal<string>;
  run(work: () => Promise<void>): Promise<void>;
}

/** `before`: what is said until the first attempt. */
export function useAttempt(before = ""): Attempt {
  const busy = useSignal(false);
  const problem = useSignal(before);
  async function run(work: () => Promise<void>): Promise<void> {
    busy.value = true;
    problem.value = "";
    try {
      await work();
    } catch (error) {
      if (!(error instanceof FeedError)) throw error;
      problem.value = problemText(error);
    } finally {
      busy.value = false;
    }
  }
  return { busy, problem, run };
}
