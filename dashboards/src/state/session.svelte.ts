// Who is signed in, and what this account may do.
import { keepCsrf, onSessionEnded, onStepUp, Problem } from "../api/client";
import { api } from "../api/endpoints";
import { fields } from "./fields.svelte";
import { route } from "./route.svelte";
import type { Purpose, SessionAnswer, SignOn, User } from "../api/types";

type Phase = "starting" | "unreachable" | "setup" | "signed-out" | "second-step" | "second-factor-due" | "signed-in";

class Session {
  phase = $state<Phase>("starting");
  user = $state.raw<User | undefined>();
  purposes = $state.raw<Purpose[]>([]);
  freeText = $state(true);
  notice = $state<"expired" | "out" | "sso" | "too-late" | undefined>();
  /** The sign-on provider, when there is one. */
  signOn = $state.raw<SignOn | undefined>();
  enrolled = $state(false);
  /** Whether the sign-on provider began the session. */
  federated = $state(false);
  /** How often the server said what the session is: after each sign-in, step-up and enrolment. */
  entered = $state(0);
  /** Whether the second factor is being asked for again. */
  stepping = $state(false);
  #challenge = "";
  #signOutUrl: string | undefined;
  #stepped: ((shown: boolean) => void) | undefined;
  #can = $state.raw<Record<string, string[]>>({});

  constructor() {
    onSessionEnded(() => this.#leave("expired"));
    onStepUp(() => {
      this.#stepped?.(false);
      // Who has nothing to show hears from the server what is missing.
      if (!this.enrolled && !this.federated) return Promise.resolve(false);
      this.stepping = true;
      return new Promise((resolve) => (this.#stepped = resolve));
    });
  }

  may(object: string, operation: string): boolean {
    return this.#can[object]?.includes(operation) ?? false;
  }

  async start(): Promise<void> {
    this.phase = "starting";
    try {
      this.enter(await api.session());
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) {
        this.phase = "unreachable";
        return;
      }
      const setup = await api.setupNeeded().catch(() => ({ needed: false }));
      this.signOn = await api.signOn().catch(() => undefined);
      if (new URLSearchParams(location.hash.split("?")[1]).has("sso")) {
        this.notice = "sso";
        history.replaceState(null, "", "#/alerts");
      }
      this.phase = setup.needed ? "setup" : "signed-out";
    }
  }

  async signIn(name: string, password: string): Promise<void> {
    const answer = await api.signIn(name, password);
    if (!("challenge" in answer)) return this.enter(answer);
    this.#challenge = answer.challenge;
    this.phase = "second-step";
  }

  /** The second step of a sign-in; too late or too often wrong leads back to the first. */
  async finishSignIn(code: string): Promise<void> {
    try {
      this.enter(await api.secondStep(this.#challenge, code));
    } catch (error) {
      if (error instanceof Problem && error.status === 401) this.abandon("too-late");
      else throw error;
    }
  }

  /** Back to name and password. */
  abandon(notice?: "too-late"): void {
    this.#challenge = "";
    this.notice = notice;
    this.phase = "signed-out";
  }

  /** Shows the second factor again. */
  async stepUp(code: string): Promise<void> {
    this.enter(await api.stepUp(code));
    this.stopStepping(true);
  }

  stopStepping(shown = false): void {
    this.stepping = false;
    this.#stepped?.(shown);
    this.#stepped = undefined;
  }

  async setUp(code: string, name: string, password: string): Promise<void> {
    this.enter(await api.setUp(code, name, password));
  }

  async signOut(): Promise<void> {
    const elsewhere = this.#signOutUrl;
    await api.signOut().catch(() => undefined);
    this.#leave("out");
    // The provider's own session ends there.
    if (elsewhere) location.assign(elsewhere);
  }

  /** Takes in what the server says of a session, a fresh one or the same under a new cookie. */
  enter(answer: SessionAnswer): void {
    keepCsrf(answer.csrf);
    this.entered += 1;
    this.#challenge = "";
    this.#signOutUrl = answer.sign_out_url ?? undefined;
    this.enrolled = answer.second_factor?.enrolled ?? false;
    this.federated = answer.federated;
    this.user = answer.user;
    this.#can = answer.can ?? {};
    this.freeText = answer.free_text;
    this.purposes = answer.purposes ?? [];
    this.notice = undefined;
    route.belongTo(answer.user.name);
    this.phase = answer.second_factor?.due ? "second-factor-due" : "signed-in";
  }

  #leave(notice: "expired" | "out"): void {
    if (this.phase !== "signed-in" && this.phase !== "second-factor-due") return;
    this.stopStepping();
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
