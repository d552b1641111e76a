/** A server in front of a base's, which keeps back what is asked of one path until it is told what to do with it. */
import { createServer, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import type { Scratch } from "./fixture.ts";

/** What `/slow` is answered with from now on. */
export type Behaviour = "silence" | "refusal" | "the file";

export class SlowServer {
  readonly url: string;
  /** How often `/slow` was asked for. */
  asked = 0;
  #behaviour: Behaviour = "silence";
  readonly #held: { readonly answer: ServerResponse; readonly forward: () => void }[] = [];

  private constructor(port: number) {
    this.url = `http://127.0.0.1:${port}/`;
  }

  /** Serves the base of `scratch`. */
  static async before(scratch: Scratch): Promise<SlowServer> {
    const real = await scratch.serve();
    let slow: SlowServer | undefined;
    const server = createServer((asked, answer) => {
      const forward = (): void => {
        request(new URL(asked.url ?? "/", real.url), { headers: asked.headers }, (got) => {
          answer.writeHead(got.statusCode ?? 500, got.headers);
          got.pipe(answer);
        }).end();
      };
      if (asked.url === "/slow" && slow) slow.#take(answer, forward);
      else forward();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    slow = new SlowServer((server.address() as AddressInfo).port);
    return slow;
  }

  /** Answers so from now on, what is held too. */
  answerWith(behaviour: Behaviour): void {
    this.#behaviour = behaviour;
    for (const { answer, forward } of this.#held.splice(0)) this.#answer(answer, forward);
  }

  #take(answer: ServerResponse, forward: () => void): void {
    this.asked += 1;
    this.#answer(answer, forward);
  }

  #answer(answer: ServerResponse, forward: () => void): void {
    if (this.#behaviour === "silence") this.#held.push({ answer, forward });
    else if (this.#behaviour === "refusal") answer.writeHead(404).end();
    else forward();
  }
}
