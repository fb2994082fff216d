// Who is signed in, and what this account may do.
import { keepCsrf, onSessionEnded, Problem } from "../api/client";
import { api } from "../api/endpoints";
import { fields } from "./fields.svelte";
import { route } from "./route.svelte";
import type { Purpose, SessionAnswer, User } from "../api/types";

type Phase = "starting" | "unreachable" | "setup" | "signed-out" | "signed-in";

class Session {
  phase = $state<Phase>("starting");
  user = $state.raw<User | undefined>();
  purposes = $state.raw<Purpose[]>([]);
  freeText = $state(true);
  notice = $state<"expired" | "out" | undefined>();
  #can = $state.raw<Record<string, string[]>>({});

  constructor() {
    onSessionEnded(() => this.#leave("expired"));
  }

  may(object: string, operation: string): boolean {
    return this.#can[object]?.includes(operation) ?? false;
  }

  async start(): Promise<void> {
    this.phase = "starting";
    try {
      this.#enter(await api.session());
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) {
        this.phase = "unreachable";
        return;
      }
      const setup = await api.setupNeeded().catch(() => ({ needed: false }));
      this.phase = setup.needed ? "setup" : "signed-out";
    }
  }

  async signIn(name: string, password: string): Promise<void> {
    this.#enter(await api.signIn(name, password));
  }

  async setUp(code: string, name: string, password: string): Promise<void> {
    this.#enter(await api.setUp(code, name, password));
  }

  async signOut(): Promise<void> {
    await api.signOut().catch(() => undefined);
    this.#leave("out");
  }

  #enter(answer: SessionAnswer): void {
    keepCsrf(answer.csrf);
    this.user = answer.user;
    this.#can = answer.can ?? {};
    this.freeText = answer.free_text;
    this.purposes = answer.purposes ?? [];
    this.notice = undefined;
    route.belongTo(answer.user.name);
    this.phase = "signed-in";
  }

  #leave(notice: "expired" | "out"): void {
    if (this.phase !== "signed-in") return;
    keepCsrf("");
    this.user = undefined;
    this.#can = {};
    fields.forget();
    this.notice = notice;
    route.belongTo(undefined);
    this.phase = "signed-out";
    if (notice === "out") route.replace("alerts", undefined, new URLSearchParams(), {});
  }
}

export const session = new Session();
